// Child processes, the command line and worker threads run the build: make it fresh once, before any test.
import { execFileSync } from 'node:child_process'

export default function setup(): void {
  if (process.env['VARVE_SKIP_BUILD'] === '1') return
  execFileSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' })
}
