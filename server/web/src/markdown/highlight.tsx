/* Colours code: highlight.js's grammars through lowlight, as elements. A chunk of its own.
 *
 * Classes are highlight.js's (`hljs-…`); `markdown.css` gives them colours. Knows nothing of
 * when it is called.
 */
import type { ComponentChildren } from "preact";
import bash from "highlight.js/lib/languages/bash";
import c from "highlight.js/lib/languages/c";
import cpp from "highlight.js/lib/languages/cpp";
import csharp from "highlight.js/lib/languages/csharp";
import css from "highlight.js/lib/languages/css";
import diff from "highlight.js/lib/languages/diff";
import dockerfile from "highlight.js/lib/languages/dockerfile";
import go from "highlight.js/lib/languages/go";
import ini from "highlight.js/lib/languages/ini";
import java from "highlight.js/lib/languages/java";
import javascript from "highlight.js/lib/languages/javascript";
import json from "highlight.js/lib/languages/json";
import kotlin from "highlight.js/lib/languages/kotlin";
import makefile from "highlight.js/lib/languages/makefile";
import markdown from "highlight.js/lib/languages/markdown";
import php from "highlight.js/lib/languages/php";
import python from "highlight.js/lib/languages/python";
import ruby from "highlight.js/lib/languages/ruby";
import rust from "highlight.js/lib/languages/rust";
import sql from "highlight.js/lib/languages/sql";
import typescript from "highlight.js/lib/languages/typescript";
import xml from "highlight.js/lib/languages/xml";
import yaml from "highlight.js/lib/languages/yaml";
import { createLowlight } from "lowlight";

const lowlight = createLowlight({
  bash, c, cpp, csharp, css, diff, dockerfile, go, ini, java, javascript, json, kotlin, makefile,
  markdown, php, python, ruby, rust, sql, typescript, xml, yaml,
});

type Node = ReturnType<typeof lowlight.highlight>["children"][number];

/* Undefined: the language is not known. */
export function highlighted(text: string, language: string): ComponentChildren | undefined {
  const name = language.toLowerCase();
  if (!lowlight.registered(name)) return undefined;
  return elements(lowlight.highlight(name, text).children);
}

function elements(nodes: readonly Node[]): ComponentChildren {
  return nodes.map((node) => {
    if (node.type === "text") return node.value;
    if (node.type !== "element") return null;
    const names = node.properties["className"];
    return <span class={Array.isArray(names) ? names.join(" ") : undefined}>{elements(node.children)}</span>;
  });
}
