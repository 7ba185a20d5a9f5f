import { rssMiB } from '../peers/memory.js'
import type { Service } from '../service.js'

const sampleMs = 50

/** Samples the resident memory of all generations of a service. */
export class MemorySamples {
  /** The highest total at one moment. */
  peakMiB = 0
  readonly #service: Service
  readonly #timer: NodeJS.Timeout

  constructor(service: Service) {
    this.#service = service
    this.#timer = setInterval(() => this.sample(), sampleMs)
  }

  sample(): void {
    const pids = new Set([this.#service.pid, ...this.#service.facts.map(({ pid }) => pid)])
    const total = [...pids].map(residentMiB).reduce((sum, mib) => sum + mib, 0)
    this.peakMiB = Math.max(this.peakMiB, total)
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}

/** 0 if the process has exited. */
function residentMiB(pid: number): number {
  try {
    return rssMiB(pid) || 0
  } catch {
    return 0
  }
}
