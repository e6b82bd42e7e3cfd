#!/usr/bin/env node
// The bin: the words of the command line, the engine as its users get it, the exit code.
import process from 'node:process'
import { bar, book10, defineKind, open, quote, quoteBar, salvage, time, trade } from '../index.ts'
import type { Engine } from './engine.ts'
import type { Output } from './output.ts'
import { run } from './program.ts'

const engine: Engine = {
  openToRead: (path) => open(path, { mode: 'read' }),
  openToWrite: (path, options) => open(path, options),
  salvage: (path, options) => salvage(path, options),
  kinds: { bar, quoteBar, trade, quote, book10 },
  defineKind: (name, definition) =>
    defineKind<string, typeof definition.columns, boolean>(name, definition),
  ns: (input) => time.ns(input),
  iso: (ns) => time.iso(ns),
}

const isColoured = process.env['NO_COLOR'] === undefined
const output: Output = {
  write: (text) => void process.stdout.write(text),
  note: (text) => void process.stderr.write(text),
  isTerminal: process.stdout.isTTY && isColoured,
  isNoteTerminal: process.stderr.isTTY,
}

// `varve query ... | head`: whoever reads has enough; that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

process.exitCode = await run(process.argv.slice(2), engine, output)
