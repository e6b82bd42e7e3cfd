// Property tests draw from VARVE_SEED (1 where it is not set): a run can be repeated, and a change is judged by what it
// changes, not by luck. Deep runs give other seeds.
import * as fc from 'fast-check'

fc.configureGlobal({ seed: Number(process.env['VARVE_SEED'] ?? 1) })
