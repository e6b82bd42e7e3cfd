// The last resort of a lock: a lease, an empty file beside the lock file that says all in its name.
//
//   LOCK.lease-<pid>-<start>-<boot>
//
//   start   when the process started (Linux: clock ticks since boot, /proc/<pid>/stat field 22), so
//           that a pid given to a new process is not mistaken for the old one
//   boot    id of the boot, so that pids of before a power cut mean nothing
//
// A name belongs to one process for ever: whoever finds that it is dead may remove its lease, and
// no race can remove a live one. To take the lock is to create one's own lease first and only then
// look for others: of two that do so at once at most one succeeds (both may be refused).
import { closeSync, openSync, readdirSync, readFileSync, rmSync, unlinkSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { basename, dirname, join } from 'node:path'
import { errnoOf } from './error.ts'

const unknown = 'x'

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1')
  } catch (cause) {
    // No /proc here, or no such process any more: both mean that the file says nothing.
    if (errnoOf(cause) !== undefined) return undefined
    throw cause
  }
}

/** Field 22 of /proc/<pid>/stat. The name in field 2 may hold spaces and brackets: count behind
 *  it. */
export function startOfStat(stat: string): string {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[19] ?? unknown
}

/** When a process started, as letters and digits; undefined where it does not run. */
function startOf(pid: number): string | undefined {
  const stat = readText(`/proc/${pid}/stat`)
  if (stat !== undefined) return startOfStat(stat)
  try {
    process.kill(pid, 0)
  } catch (cause) {
    // EPERM: it runs, as another user.
    if (errnoOf(cause) !== 'EPERM') return undefined
  }
  const listed = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'latin1' })
  const text = (listed.stdout ?? '').replaceAll(/[^A-Za-z0-9]/g, '')
  return text === '' ? unknown : text
}

function bootOf(): string {
  const id = readText('/proc/sys/kernel/random/boot_id') ?? ''
  return id.replaceAll(/[^0-9a-f]/g, '').slice(0, 16) || unknown
}

function isLive(pid: number, start: string, boot: string): boolean {
  return boot === bootOf() && startOf(pid) === start
}

/**
 * Takes the lease of a lock file, without waiting: {lease: its path}, or {pid} of a live holder.
 * Leases of dead processes are removed.
 */
export function takeLease(lockPath: string): { lease: string } | { pid: number } {
  const directory = dirname(lockPath)
  const prefix = `${basename(lockPath)}.lease-`
  const start = startOf(process.pid) ?? unknown
  const ownName = `${prefix}${process.pid}-${start}-${bootOf()}`
  const own = join(directory, ownName)
  try {
    closeSync(openSync(own, 'wx', 0o600))
  } catch (cause) {
    if (errnoOf(cause) === 'EEXIST') return { pid: process.pid }
    throw cause
  }
  for (const name of readdirSync(directory)) {
    if (!name.startsWith(prefix) || name === ownName) continue
    const [pid = '', otherStart = '', boot = ''] = name.slice(prefix.length).split('-')
    if (isLive(Number(pid), otherStart, boot)) {
      dropLease(own)
      return { pid: Number(pid) }
    }
    rmSync(join(directory, name), { force: true })
  }
  return { lease: own }
}

/** Gives a lease back. */
export function dropLease(lease: string): void {
  unlinkSync(lease)
}
