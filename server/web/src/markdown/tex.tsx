/* TeX as MathML elements, from the tree that temml builds. A chunk of its own.
 *
 * Only known elements and attributes pass: no link, no identifier, nothing that is fetched.
 * Styles are set one by one on the element, which the page's policy allows; a `style` attribute
 * it does not.
 */
import { h, type ComponentChildren } from "preact";
import temml from "temml";

interface Tree {
  type?: string;
  text?: string;
  attributes?: Record<string, unknown>;
  classes?: readonly string[];
  style?: Record<string, string>;
  children?: readonly Tree[];
}

const MAX_DEPTH = 100;
const ELEMENTS = new Set(
  ("math semantics mrow mi mo mn mtext mspace ms mfrac msqrt mroot mstyle merror mpadded mphantom menclose " +
    "msub msup msubsup munder mover munderover mmultiscripts mprescripts none mtable mtr mtd mlabeledtr").split(" "),
);
const ATTRIBUTES = new Set(
  ("accent accentunder align columnalign columnlines columnspacing columnspan depth display displaystyle fence form " +
    "frame height largeop linebreak linethickness lquote lspace mathcolor mathbackground mathsize mathvariant maxsize " +
    "minsize movablelimits notation rowalign rowlines rowspacing rowspan rquote rspace scriptlevel separator side " +
    "stretchy symmetric voffset width").split(" "),
);
const STYLES = new Set(
  ("border borderBottom borderLeft borderRight borderTop bottom color display fontWeight height justifyContent left " +
    "marginLeft mathDepth padding paddingBottom paddingLeft paddingRight paddingTop position right textAlign " +
    "transform width").split(" "),
);
const DECLARATION = /^\s*(font-weight|text-align)\s*:\s*([a-z]+)\s*;?\s*$/;
const STYLE_NAMES: Readonly<Record<string, string>> = { "font-weight": "fontWeight", "text-align": "textAlign" };
const COMMAND_OR_BRACE = /\\.|[{}]/gs;

class TooDeep extends Error {}

/* Undefined: temml does not understand it, or it would be too deep for the browser. */
export function mathElements(tex: string, isBlock: boolean): ComponentChildren | undefined {
  try {
    if (braceDepth(tex) > MAX_DEPTH) return undefined;
    const options = { displayMode: isBlock, throwOnError: true, trust: false, maxSize: [10, 50] as [number, number] };
    return element(temml.__renderToMathMLTree(tex, options) as Tree, 0);
  } catch {
    return undefined;
  }
}

function braceDepth(tex: string): number {
  let depth = 0;
  let deepest = 0;
  for (const [mark] of tex.matchAll(COMMAND_OR_BRACE)) {
    depth += mark === "{" ? 1 : mark === "}" ? -1 : 0;
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}

function element(tree: Tree, depth: number): ComponentChildren {
  if (depth > MAX_DEPTH * 3) throw new TooDeep();
  if (tree.text !== undefined) return tree.text;
  const children = (tree.children ?? []).map((child) => element(child, depth + 1));
  if (tree.type === undefined || !ELEMENTS.has(tree.type)) return children;
  return h(tree.type, { ...attributes(tree), class: classes(tree), ref: styled(tree) } as object, ...children);
}

function attributes(tree: Tree): Record<string, string> {
  const known = Object.entries(tree.attributes ?? {}).filter(([name]) => ATTRIBUTES.has(name));
  return Object.fromEntries(known.map(([name, value]) => [name, String(value)]));
}

function classes(tree: Tree): string | undefined {
  return tree.classes?.filter(Boolean).join(" ") || undefined;
}

/* temml writes two of its styles as an attribute. */
function styles(tree: Tree): [string, string][] {
  const own = Object.entries(tree.style ?? {}).filter(([name]) => STYLES.has(name));
  const [, name, value] = DECLARATION.exec(String(tree.attributes?.["style"] ?? "")) ?? [];
  return name === undefined || value === undefined ? own : [...own, [STYLE_NAMES[name] ?? name, value]];
}

function styled(tree: Tree): ((node: MathMLElement | null) => void) | undefined {
  const wanted = styles(tree);
  if (wanted.length === 0) return undefined;
  return (node) => {
    if (node && "style" in node) Object.assign(node.style, Object.fromEntries(wanted));
  };
}
