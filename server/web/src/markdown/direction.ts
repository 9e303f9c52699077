/* Which way a block runs that holds others, for its bullets, its border and the order of its columns.
 *
 * The browser's own `dir="auto"` passes over whatever has a direction of its own, and so over all that such a block holds.
 */
const RIGHT_TO_LEFT =
  /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/* By its first letter. */
export function directionOf(text: string): "ltr" | "rtl" {
  return RIGHT_TO_LEFT.test(/\p{L}/u.exec(text)?.[0] ?? "") ? "rtl" : "ltr";
}
