/** Something that ends the demo, in words for the person who watches it. Everything else is a bug. */
export class Problem extends Error {
  override readonly name = 'Problem'
}
