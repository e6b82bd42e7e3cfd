// Goal: the package as it is published works on every Node it promises, installed without scripts,
// with and without native add-ons. Method: npm pack; npm install --ignore-scripts --omit=dev of the
// tarball in an empty folder; then job.mjs and `varve demo` from there, on Node 20, 22, 24 and 26,
// each with and without VARVE_NATIVE=off. The content hashes must be the same everywhere.
//
//   node test/nodes/run.mjs [--node 20,24] [--skip 26] [--keep]
//
// A Node that is not this one comes from the registry (the package with its binary, no script
// needed). One that cannot be had is shown as missing and the exit code is 1, unless --skip names
// it. Needs a fresh build, so it makes one; VARVE_SKIP_BUILD=1 takes dist as it is.
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, '..', '..')
const majorsAll = ['20', '22', '24', '26']
const demoRows = '50000'
const minutesMax = 5

function optionOf(name) {
  const at = process.argv.indexOf(name)
  return at < 0 ? undefined : (process.argv[at + 1] ?? '').split(',')
}

const majors = optionOf('--node') ?? majorsAll
const skipped = new Set(optionOf('--skip') ?? [])

function run(command, words, options = {}) {
  const ran = spawnSync(command, words, {
    encoding: 'utf8',
    timeout: minutesMax * 60_000,
    maxBuffer: 1 << 26,
    shell: process.platform === 'win32' && command === 'npm',
    ...options,
  })
  const said = `${ran.stderr ?? ''}${ran.error === undefined ? '' : ran.error.message}`
  return { isDone: ran.status === 0, stdout: ran.stdout ?? '', said: said.trim() }
}

function mustRun(command, words, options) {
  const ran = run(command, words, options)
  if (ran.isDone) return ran.stdout
  throw new Error(`${command} ${words.join(' ')} failed: ${ran.said}\n${ran.stdout}`)
}

/** npm leaves its own settings in the environment of what it runs: npm in another folder must not
 *  see them. */
function cleanEnv(changes = {}) {
  const kept = Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name))
  return { ...Object.fromEntries(kept), ...changes }
}

function emptyPackage(folder) {
  mkdirSync(folder, { recursive: true })
  writeFileSync(
    join(folder, 'package.json'),
    '{ "name": "user", "private": true, "type": "module" }\n',
  )
  return folder
}

/** The tarball, installed as a user would, scripts off. */
function install(scratch) {
  if (process.env.VARVE_SKIP_BUILD !== '1') {
    mustRun('npm', ['run', '--silent', 'build'], { cwd: root })
  }
  const packed = mustRun(
    'npm',
    ['pack', '--json', '--ignore-scripts', '--pack-destination', scratch],
    {
      cwd: root,
      env: cleanEnv(),
    },
  )
  const [{ filename, size, entryCount }] = JSON.parse(packed)
  const user = emptyPackage(join(scratch, 'user'))
  const words = ['install', '--ignore-scripts', '--omit=dev', '--no-audit', '--no-fund']
  mustRun('npm', [...words, join(scratch, filename)], { cwd: user, env: cleanEnv() })
  copyFileSync(join(here, 'job.mjs'), join(user, 'job.mjs'))
  console.log(`${filename}: ${(size / 1024).toFixed(0)} KiB, ${entryCount} files`)
  return user
}

/** The path of a Node of that major, or why there is none. */
function nodeOf(major, scratch) {
  if (process.versions.node.split('.')[0] === major) return { path: process.execPath }
  const { platform, arch } = process
  const isWindows = platform === 'win32'
  const folder = emptyPackage(join(scratch, `node-${major}`))
  let said = ''
  // The package of the binary alone has had two names.
  for (const start of ['node-', 'node-bin-']) {
    const name = `${start}${isWindows ? 'win' : platform}-${arch}`
    const words = ['install', '--ignore-scripts', '--no-save', '--no-audit', '--no-fund']
    const ran = run('npm', [...words, `${name}@${major}`], { cwd: folder, env: cleanEnv() })
    const path = join(folder, 'node_modules', name, 'bin', isWindows ? 'node.exe' : 'node')
    if (ran.isDone && existsSync(path)) {
      const version = run(path, ['--version']).stdout.trim()
      if (version.startsWith(`v${major}.`)) return { path }
      said = `${name} gives ${version === '' ? 'nothing that runs' : version}`
    } else said = ran.said.split('\n').find((line) => / error /.test(line)) ?? 'no binary in it'
  }
  return { problem: said }
}

/** Job and demo on one Node, one way. */
function tryOut(node, user, native) {
  const changes = {
    PATH: `${dirname(node)}${process.platform === 'win32' ? ';' : ':'}${process.env.PATH}`,
  }
  const env = cleanEnv({ ...changes, VARVE_NATIVE: native === 'off' ? 'off' : '' })
  const store = mkdtempSync(join(user, 'store-'))
  const start = performance.now()
  try {
    const job = run(node, ['job.mjs', store], { cwd: user, env })
    if (!job.isDone) return { problem: `job: ${job.said}` }
    const bin = join(user, 'node_modules', 'varve', 'dist', 'src', 'cli', 'main.js')
    const demo = run(node, [bin, 'demo', '--rows', demoRows, '--json'], { cwd: user, env })
    if (!demo.isDone) return { problem: `demo: ${demo.said}` }
    const found = JSON.parse(demo.stdout)
    const { node: version, contentHash, kernels, addons } = JSON.parse(job.stdout)
    if (!found.verify.ok) return { problem: 'demo: its store is damaged' }
    return {
      version,
      kernels,
      addons,
      jobHash: contentHash,
      demoHash: found.snapshot.contentHash,
      seconds: (performance.now() - start) / 1000,
    }
  } finally {
    rmSync(store, { recursive: true, force: true })
  }
}

const widths = [9, 7, 10, 9, 14, 14, 8]
function line(...cells) {
  console.log(
    cells
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

function report(major, native, tried, hashes) {
  if (tried.problem !== undefined) {
    line(major, native, 'FAILED', '', '', '', '', tried.problem)
    return false
  }
  const { version, kernels, addons, jobHash, demoHash, seconds } = tried
  hashes.job ??= jobHash
  hashes.demo ??= demoHash
  const isSame = hashes.job === jobHash && hashes.demo === demoHash
  line(
    version,
    native,
    isSame ? 'good' : 'OTHER HASH',
    `${addons} add-on${addons === 1 ? '' : 's'}`,
    jobHash.slice(0, 14),
    demoHash.slice(0, 14),
    `${seconds.toFixed(1)} s`,
    `lz4 ${kernels.lz4}, hash ${kernels.hash}, lock ${kernels.lock}`,
  )
  return isSame
}

const scratch = mkdtempSync(join(tmpdir(), 'varve-nodes-'))
let isGood = true
try {
  const user = install(scratch)
  line('node', 'native', 'result', 'loaded', 'job hash', 'demo hash', 'time', 'kernels')
  const hashes = {}
  for (const major of majors) {
    if (skipped.has(major)) {
      line(major, '', 'skipped')
      continue
    }
    const { path, problem } = nodeOf(major, scratch)
    if (path === undefined) {
      line(major, '', 'MISSING', '', '', '', '', problem)
      isGood = false
      continue
    }
    for (const native of ['on', 'off']) {
      if (!report(major, native, tryOut(path, user, native), hashes)) isGood = false
    }
  }
} finally {
  if (!process.argv.includes('--keep')) rmSync(scratch, { recursive: true, force: true })
}
console.log(isGood ? 'good on all of them' : 'NOT good on all of them')
process.exitCode = isGood ? 0 : 1
