// The command line's grammar: commands, options, help. What they do is in the files beside this
// one.
import { VarveError } from '#base'
import { Command, CommanderError, Option } from 'commander'
import { demoCommand } from './demo-command.ts'
import type { DemoWords } from './demo-command.ts'
import type { Engine, WriteOptions } from './engine.ts'
import { importCommand } from './import-command.ts'
import type { ImportArguments } from './import-command.ts'
import { inspectCommand } from './inspect-command.ts'
import type { InspectWords } from './inspect-command.ts'
import type { Output } from './output.ts'
import { latestCommand, queryCommand } from './query-command.ts'
import type { LatestWords, QueryWords } from './query-command.ts'
import {
  compactCommand,
  listCommand,
  salvageCommand,
  sealCommand,
  snapshotCommand,
  snapshotListCommand,
  statsCommand,
  verifyCommand,
} from './store-commands.ts'
import type { JsonWord, SalvageWords, SnapshotAction } from './store-commands.ts'

/** 0 done, 1 it failed, 2 wrong usage. */
export type ExitCode = 0 | 1 | 2

interface Context {
  readonly engine: Engine
  readonly output: Output
  fail(): void
}

function many(value: string, before: string[] = []): string[] {
  return [...before, value]
}

function withExample(command: Command, ...lines: readonly string[]): Command {
  const examples = lines.map((line) => `  $ varve ${line}`).join('\n')
  return command
    .option('--json', 'one JSON document on standard output')
    .addHelpText('after', `\nExample${lines.length === 1 ? '' : 's'}:\n${examples}`)
}

function levelOption(): Option {
  const option = new Option('--level <level>', 'how hard what is written is compressed')
  return option.choices(['none', 'low', 'medium', 'high'])
}

function addImport(program: Command, { engine, output }: Context): void {
  const command = program
    .command('import')
    .description('CSV files, plain or gzip, into a series; the same content adds nothing twice')
    .argument('<dir>', 'the store; made where there is none')
    .argument('<series>', 'kind/symbol, bar/symbol/timeframe, or kind/* with --symbol')
    .argument('<files...>', 'CSV or CSV.gz')
    .option('--map <column=csvColumn,...>', 'sources, also patterns: bidPrice*=bid_px_*', many)
    .option('--time <column>', 'CSV column of the event time (default: found, and said which)')
    .option('--unit <column=unit>', 'unit of an epoch column: ns, us, ms or s', many)
    .option('--time-zone <zone>', 'zone of times that name none: America/New_York, UTC, ...')
    .option('--time-format <format>', 'yyyy MM dd HH hh mm ss SSS a, all else literal')
    .option('--skip-lines <n>', 'lines before the header')
    .option('--set <column=value>', 'the same value in every row', many)
    .option('--values <column:csv=value,...>', 'other texts: side:0=buy,1=sell', many)
    .option('--absent <column=value>', 'a value that means none: bid=0', many)
    .option('--symbol <column>', 'with kind/*: CSV column that names the symbol')
    .addOption(
      new Option('--bad <what>', 'stop at the first bad row, or list bad rows and go on')
        .choices(['stop', 'list'])
        .default('stop'),
    )
    .option('--kind <file>', "a kind of one's own, as JSON")
    .addOption(
      new Option('--durability <mode>', 'when rows are safe').choices([
        'sync',
        'group',
        'os',
        'memory',
      ]),
    )
    .addOption(levelOption())
    .action((dir: string, series: string, files: string[], words: ImportArguments) =>
      importCommand(engine, output, dir, series, files, words),
    )
  withExample(
    command,
    'import ./store trade/SPY spy_trades.csv.gz',
    "import ./store bar/BTC%2FUSD/1h btc.csv --time-format 'yyyy-MM-dd hh-a' --time-zone UTC",
  )
}

function addReading(program: Command, { engine, output, fail }: Context): void {
  withExample(
    program
      .command('ls')
      .description('series with rows, first, last, bytes')
      .argument('<dir>')
      .action((dir: string, words: JsonWord) => listCommand(engine, output, dir, words)),
    'ls ./store',
  )
  withExample(
    program
      .command('stats')
      .description("the store's figures")
      .argument('<dir>')
      .action((dir: string, words: JsonWord) => statsCommand(engine, output, dir, words)),
    'stats ./store --json',
  )
  withExample(
    program
      .command('query')
      .description('rows of a series')
      .argument('<dir>')
      .argument('<series>')
      .option('--from <time>', 'first time: ISO 8601 with a zone, a UTC date, or epoch ns')
      .option('--to <time>', 'time before which it ends')
      .option('--columns <names>', 'columns, with commas between them')
      .option('--limit <n>', 'at most n rows')
      .option('--reverse', 'newest first')
      .addOption(new Option('--format <format>', 'form').choices(['table', 'csv', 'json']))
      .option('--snapshot <name>', 'as it was in that snapshot')
      .action((dir: string, series: string, words: QueryWords) =>
        queryCommand(engine, output, dir, series, words),
      ),
    'query ./store trade/SPY --from 2013-10-07T13:30:00Z --limit 10 --columns price,size',
  )
  withExample(
    program
      .command('latest')
      .description('the newest row, or the newest rows')
      .argument('<dir>')
      .argument('<series>')
      .option('--count <n>', 'the last n rows, oldest first')
      .addOption(new Option('--format <format>', 'form').choices(['table', 'csv', 'json']))
      .action((dir: string, series: string, words: LatestWords) =>
        latestCommand(engine, output, dir, series, words),
      ),
    'latest ./store trade/SPY --count 5',
  )
  withExample(
    program
      .command('verify')
      .description('reads every byte; exit code 1 and the list of damage where there is any')
      .argument('<dir>')
      .action(async (dir: string, words: JsonWord) => {
        if (!(await verifyCommand(engine, output, dir, words))) fail()
      }),
    'verify ./store',
  )
}

function addSalvage(program: Command, { engine, output, fail }: Context): void {
  withExample(
    program
      .command('salvage')
      .description('mends a damaged store: keeps what is whole, sets aside and lists the rest')
      .argument('<dir>')
      .option('--dry-run', 'only say what would be done; exit code 1 where there is damage')
      .action(async (dir: string, words: SalvageWords) => {
        if (!(await salvageCommand(engine, output, dir, words))) fail()
      }),
    'salvage ./store --dry-run',
    'salvage ./store',
  )
}

function addWriting(program: Command, { engine, output }: Context): void {
  withExample(
    program
      .command('seal')
      .description('turns every durable row in memory and log into segments')
      .argument('<dir>')
      .action((dir: string, words: JsonWord) => sealCommand(engine, output, dir, words)),
    'seal ./store',
  )
  withExample(
    program
      .command('compact')
      .description('merges segments until nothing is left to do')
      .argument('<dir>')
      .addOption(levelOption())
      .action((dir: string, words: JsonWord & Pick<WriteOptions, 'level'>) =>
        compactCommand(engine, output, dir, words),
      ),
    'compact ./store',
  )
  const snapshot = program
    .command('snapshot')
    .description('named states of a store; no data is copied')
  const actions: readonly (readonly [SnapshotAction, string])[] = [
    ['create', 'names the state of the store as it is now'],
    ['drop', 'forgets a snapshot; what only it held is freed'],
    ['restore', 'makes a snapshot the newest state; what stood before is kept as a snapshot'],
  ]
  for (const [action, description] of actions) {
    withExample(
      snapshot
        .command(action)
        .description(description)
        .argument('<dir>')
        .argument('<name>')
        .action((dir: string, name: string, words: JsonWord) =>
          snapshotCommand(engine, output, action, dir, name, words),
        ),
      `snapshot ${action} ./store before-cleanup`,
    )
  }
  withExample(
    snapshot
      .command('ls')
      .description('the snapshots of a store')
      .argument('<dir>')
      .action((dir: string, words: JsonWord) => snapshotListCommand(engine, output, dir, words)),
    'snapshot ls ./store',
  )
  snapshot.addHelpText('after', '\nExample:\n  $ varve snapshot create ./store before-cleanup')
}

function addLooking(program: Command, { output, fail }: Context): void {
  withExample(
    program
      .command('demo')
      .description('a made-up day of a market: written, sealed, read, verified; with figures')
      .option('--dir <dir>', 'keep the store there (default: a temporary folder, removed)')
      .option('--rows <n>', 'trades and quotes to make (default: 500000)')
      .option('--seed <n>', 'another day (default: 7)')
      .option('--ascii', 'charts without block characters')
      .action((words: DemoWords) => demoCommand(output, words)),
    'demo',
    'demo --dir ./demo-store --rows 5000000',
  )
  withExample(
    program
      .command('inspect')
      .description('what every part of a segment, pack, log, manifest or CURRENT file holds')
      .argument('<file>')
      .option('--all', 'each vector of a page, each entry of a log')
      .action(async (file: string, words: InspectWords) => {
        if (!(await inspectCommand(output, file, words))) fail()
      }),
    'inspect ./store/segments/000000000007.segment',
    'inspect ./store/CURRENT --json',
  )
}

function oneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, ' ')
}

/** What, where (in the message) and what to do, in one line. */
function errorLine(error: unknown): string {
  if (error instanceof VarveError) {
    const hint = error.hint === undefined ? '' : ` ${error.hint}`
    const stop = /[.!?]$/.test(error.message) ? '' : '.'
    return oneLine(`varve: ${error.message}${hint === '' ? '' : stop}${hint} [${error.code}]`)
  }
  const message = error instanceof Error ? error.message : String(error)
  return oneLine(`varve: ${message} (this is a bug, or the system's: nothing was known about it)`)
}

/**
 * Runs the words of a command line.
 *
 * @param words without the program's own name.
 * @returns the exit code; everything was written.
 */
export async function run(
  words: readonly string[],
  engine: Engine,
  output: Output,
): Promise<ExitCode> {
  let code: ExitCode = 0
  const context: Context = {
    engine,
    output,
    fail() {
      code = 1
    },
  }
  const program = new Command('varve')
    .description('An embedded, append-only, columnar time-series engine for market data.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => output.write(text),
      writeErr: (text) => output.note(text),
      outputError: (text, write) => write(`varve: ${oneLine(text.replace(/^error: /, ''))}\n`),
    })
  program.addHelpText(
    'after',
    '\nExamples:\n  $ varve demo\n  $ varve import ./store trade/SPY spy_trades.csv.gz',
  )
  addLooking(program, context)
  addImport(program, context)
  addReading(program, context)
  addWriting(program, context)
  addSalvage(program, context)
  try {
    await program.parseAsync(words, { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    output.note(`${errorLine(error)}\n`)
    return error instanceof VarveError && error.code === 'ERR_ARGUMENT' ? 2 : 1
  }
  return code
}
