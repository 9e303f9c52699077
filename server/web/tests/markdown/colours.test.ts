/* Can the colours of code be read on the background of code, in both themes? */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const SUNKEN = ["#f1efea", "#101214"] as const;
const sheet = readFileSync("src/styles/markdown.css", "utf8");
const colours = [...sheet.matchAll(/light-dark\((#\w{6}), (#\w{6})\)/g)].map(([, light, dark]) => [light ?? "", dark ?? ""] as const);

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [light = 0, dark = 0] = [luminance(one), luminance(other)].toSorted((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

test("there are colours", () => expect(colours.length).toBeGreaterThan(5));

test.each(colours)("%s and %s", (light, dark) => {
  expect(contrast(light, SUNKEN[0])).toBeGreaterThanOrEqual(4.5);
  expect(contrast(dark, SUNKEN[1])).toBeGreaterThanOrEqual(4.5);
});
