// Goal: the real clock, random source and scheduler do what their ports promise. Method: they are asked.
import { expect, test } from 'vitest'
import { BugError, assert, assertNever, systemClock, systemRandom, systemScheduler } from '#base'

test('the wall clock is near the real one and never goes back', () => {
  let last = systemClock.now()
  expect(Math.abs(Number(last / 1_000_000n) - Date.now())).toBeLessThan(5_000)
  for (let round = 0; round < 1_000; round += 1) {
    const now = systemClock.now()
    expect(now >= last).toBe(true)
    last = now
  }
  const since = systemClock.monotonicMs()
  expect(systemClock.monotonicMs()).toBeGreaterThanOrEqual(since)
})

test('random bytes differ', () => {
  const [a, b] = [systemRandom.bytes(16), systemRandom.bytes(16)]
  expect(a).toHaveLength(16)
  expect(a).not.toEqual(b)
})

test('tasks run soon and after, unless they are cancelled', async () => {
  const order: string[] = []
  systemScheduler.after(1, () => order.push('cancelled')).cancel()
  await new Promise<void>((done) => {
    systemScheduler.after(20, () => {
      order.push('after')
      done()
    })
    systemScheduler.soon(() => order.push('soon'))
    setTimeout(() => {}, 40) // keeps the process alive: timers of the scheduler do not
  })
  expect(order).toEqual(['soon', 'after'])
})

test('a broken promise of our own is loud', () => {
  expect(() => assert(false, 'x')).toThrow(BugError)
  expect(() => assertNever('y' as never)).toThrow(/BUG: unexpected variant y/)
})
