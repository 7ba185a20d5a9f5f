/**
 * What is noted of every request must cost next to nothing, and to ask the system for the time costs as much as all
 * the rest of it. How long a request has been under way is told to people, who do not count in milliseconds.
 */

/** How old an answer may be. Older where something keeps the event loop busy for longer. */
const exactMs = 100

let at = 0
let isFresh = false

/** As `performance.now()`, of this moment or one at most {@link exactMs} ago. No timer runs while nobody asks. */
export function aboutNow(): number {
  if (!isFresh) {
    at = performance.now()
    isFresh = true
    setTimeout(expire, exactMs).unref()
  }
  return at
}

function expire(): void {
  isFresh = false
}
