import { expect, test } from 'vitest'
import { Histogram } from './histogram.js'

test('percentiles are accurate to 2 %, and the maximum is exact', () => {
  const histogram = new Histogram()
  for (let ms = 1; ms <= 1000; ms++) histogram.record(ms)
  const { p50, p99, max } = histogram.latency()
  expect(p50).toBeGreaterThanOrEqual(500)
  expect(p50).toBeLessThan(511)
  expect(p99).toBeGreaterThanOrEqual(990)
  expect(max).toBe(1000)
  expect(histogram.percentile(0.999)).toBeGreaterThanOrEqual(999)
  expect(histogram.percentile(1)).toBe(1000)
})

test('merged histograms add up', () => {
  const [fast, slow] = [new Histogram(), new Histogram()]
  for (let n = 0; n < 10; n++) fast.record(1)
  slow.record(100)
  fast.merge(slow)
  expect(fast.count).toBe(11)
  expect(fast.latency()).toMatchObject({ max: 100, p99: 100 })
  expect(fast.latency().p50).toBeLessThan(1.03)
})

test('an empty histogram is zero, and no duration is too short or too long', () => {
  expect(new Histogram().latency()).toEqual({ p50: 0, p99: 0, max: 0 })
  const histogram = new Histogram()
  histogram.record(0)
  histogram.record(1e9)
  expect(histogram.count).toBe(2)
  expect(histogram.latency().max).toBe(1e9)
})
