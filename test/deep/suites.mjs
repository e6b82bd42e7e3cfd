// The suites of a deep run: what each is asked for in all, and how much of it one process does.
//
// A suite is run in parts, each in a process of its own and with a seed of its own. `variable` is the environment variable
// that tells it how much; one without is run once, or `amount` times; `numbered` is the variable of one whose parts are
// told which of how many they are ("3/16"). What it prints in lines `covered: <n> <what>` is
// added up over its parts.

/** In the order in which they are run, one part of each in turn. */
export const suites = [
  {
    name: 'states',
    question: 'power cuts and kills at every file operation, simulated',
    files: ['test/sim/states.test.ts'],
    variable: 'VARVE_STATES',
    amount: 1_000_000,
    part: 25_000,
    option: '--states',
  },
  {
    name: 'errors',
    question: 'every file operation fails, once or for ever',
    files: ['test/sim/sweep.test.ts', 'test/sim/modes.test.ts'],
    // Every operation, not each seventh.
    env: { VARVE_SWEEP: '1' },
    amount: 3,
  },
  {
    name: 'kills',
    question: 'a process killed while it acknowledges, a reader beside it',
    files: ['test/store/kill.test.ts', 'test/store/beside.test.ts'],
    variable: 'VARVE_KILLS',
    amount: 1_000,
    part: 40,
    option: '--kills',
  },
  {
    name: 'power',
    question: 'power cuts on ext4 and XFS',
    files: ['test/machine/power.test.ts'],
    variable: 'VARVE_CUTS',
    amount: 100,
    part: 5,
    option: '--cuts',
  },
  {
    name: 'full',
    question: 'full disks: refused, freed, resumed',
    files: ['test/machine/full.test.ts'],
    variable: 'VARVE_FULL_CYCLES',
    amount: 100,
    part: 6,
    option: '--cycles',
  },
  {
    name: 'machine',
    question: 'limits of a process, read-only file systems, clocks that jump',
    files: [
      'test/machine/limits.test.ts',
      'test/machine/read-only.test.ts',
      'test/machine/clock.test.ts',
    ],
    amount: 10,
  },
  {
    name: 'flips',
    question: 'every bit of every byte of a store, and of its index',
    files: ['test/store/damage.corrupt.test.ts', 'test/store/index-damage.corrupt.test.ts'],
    numbered: 'VARVE_FLIPS',
    amount: 16,
  },
  {
    name: 'model',
    question: 'random lives against a naive store',
    files: ['test/store/model.test.ts'],
    variable: 'VARVE_CASES',
    amount: 100_000,
    part: 1_000,
    option: '--cases',
  },
  {
    name: 'readers',
    question: 'random lives with readers, and the newest rows',
    files: ['test/store/reader.test.ts', 'test/store/latest.test.ts'],
    variable: 'VARVE_CASES',
    amount: 4_000,
    part: 200,
  },
  {
    name: 'properties',
    question: 'every property, drawn anew',
    files: ['.prop.test.ts'],
    amount: 20,
  },
  {
    name: 'mutants',
    question: 'every seeded bug is caught',
    files: ['test/mutants/mutants.test.ts'],
    amount: 1,
  },
]
