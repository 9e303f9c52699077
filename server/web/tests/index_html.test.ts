/* index.html under the policy that the server sends with it: no script or style in it, and no other host. */
import { expect, test } from "vitest";
import html from "../index.html?raw";

const page = new DOMParser().parseFromString(html, "text/html");

test("scripts are files, and there is no import map", () => {
  const scripts = [...page.querySelectorAll("script")];
  expect(scripts.map((script) => [script.type, script.textContent])).toEqual([["module", ""]]);
});

test("nothing is styled in place", () => {
  expect(page.querySelectorAll("style, [style]")).toHaveLength(0);
});

test("nothing comes from elsewhere", () => {
  const links = [...page.querySelectorAll("[src], [href]")];
  const targets = links.map((link) => link.getAttribute("src") ?? link.getAttribute("href"));
  expect(targets.length).toBeGreaterThan(1);
  expect(targets.filter((target) => !target?.startsWith("/") || target.startsWith("//"))).toEqual([]);
});
