export { type ConnectOptions, type Ending, RawConnection, type Target, type TcpTarget } from './connection.js'
export { type FailureKind, Fault } from './fault.js'
export { Histogram, type Latency } from './histogram.js'
export { pattern, patternSha256 } from './pattern.js'
export type { Response, ResponseHead } from './response.js'
export { type Failure, type LoadResult, type ServedBy, Tally, type WorkloadResult } from './tally.js'
export {
  downloads,
  everyWorkload,
  keepAlive,
  type MixedLoadOptions,
  mixedLoad,
  newConnections,
  type RequestOptions,
  type RunOptions,
  slowRequests,
  type Think,
  type TransferOptions,
  type UploadOptions,
  uploads,
  type Workload,
} from './workloads.js'
