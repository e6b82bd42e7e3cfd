// What the tidy test asks of a source file: pure functions over its text, so that each can be fed a sentence that must
// fail.
import { packages, rooms } from './rooms.ts'

export interface SourceFile {
  /** From the repository's root: src/codec/encode.ts */
  readonly path: string
  readonly text: string
}

const importPattern =
  /(?:\}\sfrom|^import|\bimport\()\s*'([^']+)'|^import\s+[\w*\s]+\sfrom\s+'([^']+)'/gm

/** 'src/codec/encode.ts' -> 'codec'; files outside of a room have none. */
export function roomOf(path: string): string | undefined {
  return /^src\/([a-z-]+)\/[^/]+\.ts$/.exec(path)?.[1]
}

export function importsOf(text: string): string[] {
  return [...text.matchAll(importPattern)].map((match) => (match[1] ?? match[2])!)
}

/** Imports that the table does not allow. */
export function forbiddenImports({ path, text }: SourceFile): string[] {
  const room = roomOf(path)
  if (room === undefined) return []
  const allowed = rooms[room]
  if (allowed === undefined) return [`${path}: the room '${room}' is not in the table`]
  const bad: string[] = []
  for (const name of importsOf(text)) {
    if (name.startsWith('./')) continue
    if (name === '../index.ts' && room === 'cli') continue
    if (name.startsWith('#')) {
      const target = name.startsWith('#native-free/') ? 'native-free' : name.slice(1)
      if (target.includes('/') || !allowed.includes(target)) bad.push(`${path} imports ${name}`)
    } else if (!name.startsWith('node:') && !(packages[room] ?? []).includes(name)) {
      bad.push(`${path} imports ${name}`)
    }
  }
  return bad
}

interface Ban {
  readonly what: string
  readonly pattern: RegExp
  /** Paths where it is at home. */
  readonly allowed: RegExp
}

const bans: readonly Ban[] = [
  { what: 'node:fs', pattern: /'(?:node:)?fs(?:\/promises)?'/, allowed: /^src\/vfs\/|^src\/cli\// },
  { what: 'Date.now', pattern: /\bDate\.now\b|\bnew Date\(\)/, allowed: /^src\/base\/clock\.ts$/ },
  {
    what: 'performance.now',
    pattern: /\bperformance\.|process\.hrtime/,
    allowed: /^src\/base\/clock\.ts$/,
  },
  {
    what: 'Math.random',
    pattern: /\bMath\.random\b|\brandomBytes\b/,
    allowed: /^src\/base\/clock\.ts$/,
  },
  {
    what: 'timers',
    pattern: /\b(?:setTimeout|setInterval|setImmediate|queueMicrotask)\(|'node:timers/,
    allowed: /^src\/base\/clock\.ts$/,
  },
  { what: 'console', pattern: /\bconsole\./, allowed: /^src\/cli\// },
  { what: 'export *', pattern: /^export \*/m, allowed: /^$/ },
  { what: 'a catch that forgets', pattern: /catch(?:\s*\(\w+\))?\s*\{\s*\}/, allowed: /^$/ },
  {
    what: 'a switched-off check',
    pattern: /@ts-(?:ignore|nocheck|expect-error)|(?:c8|v8|istanbul) ignore/,
    allowed: /^$/,
  },
]

/** Code with its comments taken out: a comment may name what is banned. */
export function codeOf(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[^:'"`])\/\/.*$/gm, '$1')
}

export function bannedWords({ path, text }: SourceFile): string[] {
  const code = codeOf(text)
  return bans
    .filter(({ pattern, allowed }) => !allowed.test(path) && pattern.test(code))
    .map(({ what }) => `${path}: ${what}`)
}

const linesMax = 600
const columnsMax = 120

export function shapeProblems({ path, text }: SourceFile): string[] {
  const problems: string[] = []
  const lines = text.split('\n')
  if (lines.length > linesMax + 1) problems.push(`${path}: ${lines.length} lines`)
  lines.forEach((line, index) => {
    if (line.length > columnsMax) problems.push(`${path}:${index + 1}: ${line.length} columns`)
    // eslint-disable-next-line no-control-regex -- what is not ASCII is the question
    if (/[^\x00-\x7f]/.test(line)) problems.push(`${path}:${index + 1}: not ASCII`)
  })
  if (!/^(?:#!.*\n)?\s*(?:\/\/|\/\*)/.test(text)) problems.push(`${path}: no header comment`)
  return problems
}

const badNames = /(?:^|\/)(?:utils?|helpers?|common|types|manager|misc)\.ts$/

export function badFileNames(paths: readonly string[]): string[] {
  return paths.filter(
    (path) => badNames.test(path) || /[A-Z_]/.test(path.replace(/README\.md$/, '')),
  )
}

/** The table is an order: each room imports rooms above it in the table only. */
export function tableProblems(table: Readonly<Record<string, readonly string[]>>): string[] {
  const seen = new Set(['native-free'])
  const problems: string[] = []
  for (const [room, allowed] of Object.entries(table)) {
    for (const name of allowed)
      if (!seen.has(name)) problems.push(`${room} imports ${name} upwards`)
    seen.add(room)
  }
  return problems
}
