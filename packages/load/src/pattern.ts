import { createHash } from 'node:crypto'

// Byte i is (i * 31 + 7) & 0xff. The pattern repeats every 256 bytes, so all blocks of 64 KiB are equal.
const BLOCK_BYTES = 64 * 1024
const block = Buffer.from(Uint8Array.from({ length: BLOCK_BYTES }, (_, i) => i * 31 + 7))

/** The content of every upload and download, in blocks of 64 KiB. The blocks are shared: do not write to them. */
export function* pattern(bytes: number): Generator<Buffer, void, undefined> {
  for (let offset = 0; offset < bytes; offset += BLOCK_BYTES) {
    yield offset + BLOCK_BYTES <= bytes ? block : block.subarray(0, bytes - offset)
  }
}

/** The SHA-256, in hex, of the first `bytes` bytes of the pattern. */
export function patternSha256(bytes: number): string {
  const hash = createHash('sha256')
  for (const slice of pattern(bytes)) hash.update(slice)
  return hash.digest('hex')
}
