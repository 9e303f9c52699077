/* Numbers that look random and are the same in every run. */
export class Seeded {
  constructor(private state: number) {}

  below(limit: number): number {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.state / 2 ** 32) * limit);
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }

  /* A text in pieces of one to `longest` characters. */
  pieces(text: string, longest: number): string[] {
    const pieces: string[] = [];
    for (let at = 0; at < text.length; ) {
      const length = 1 + this.below(longest);
      pieces.push(text.slice(at, at + length));
      at += length;
    }
    return pieces;
  }
}
