/* Where a list that floats above the page is put. */

const MARGIN = 8;
const GAP = 4;

/** Puts a list below what it belongs to, or above it, and always inside the window. */
export function placeBeside(owner: Element, list: HTMLElement): void {
  const at = owner.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = list;
  const fitsBelow = at.bottom + height + MARGIN <= innerHeight;
  list.style.left = `${Math.max(MARGIN, Math.min(at.left, innerWidth - width - MARGIN))}px`;
  list.style.top = `${fitsBelow ? at.bottom + GAP : Math.max(MARGIN, at.top - height - GAP)}px`;
}
