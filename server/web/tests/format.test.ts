import { expect, it } from "vitest";

import { ageGroup, duration, percent, short, speed, time } from "../src/format";
import { count, words } from "../src/words";

const now = new Date(2026, 10, 29, 12, 0, 0);
const at = (...args: [number, number, number, number]): number => new Date(...args).getTime() / 1000;

it("says durations in the unit that fits", () => {
  expect([12.4, 999, 1500, 59_900, 125_000].map(duration)).toEqual(["12 ms", "999 ms", "1.5 s", "59.9 s", "2 min 5 s"]);
});

it("says small speeds more exactly", () => {
  expect([speed(3.25), speed(42.4)]).toEqual(["3.3", "42"]);
});

it("says how likely something was, however unlikely", () => {
  expect([0, Math.log(0.25), Math.log(0.012), Math.log(0.00012)].map(percent)).toEqual(["100 %", "25 %", "1.2 %", "0.012 %"]);
});

it("shortens large numbers of tokens", () => {
  expect([950, 2100, 131_072].map(short)).toEqual(["950", "2.1k", "131k"]);
});

it("groups by days of the calendar", () => {
  const groups = [at(2026, 10, 29, 0), at(2026, 10, 28, 23), at(2026, 10, 28, 0), at(2026, 10, 23, 5), at(2026, 10, 1, 0)];
  expect(groups.map((seconds) => ageGroup(seconds, now))).toEqual(["today", "yesterday", "yesterday", "week", "older"]);
});

it("leaves the day away today", () => {
  expect(time(at(2026, 10, 29, 9), now)).not.toMatch(/Nov/);
  expect(time(at(2026, 10, 28, 9), now)).toMatch(/Nov/);
});

it("counts in words", () => {
  expect([count(1, words.units.word), count(1200, words.units.token)]).toEqual(["1 word", "1,200 tokens"]);
});
