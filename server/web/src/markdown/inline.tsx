/* What stands within a line: emphasis, code, links, formulas. Raw HTML is text here.
 *
 * Knows tokens of `lex.ts` and makes elements of them; a token that it does not know is shown
 * as it was written.
 */
import type { ComponentChildren } from "preact";
import type { Token, Tokens } from "marked";
import type { Formula } from "./delimiters";
import { decoded } from "./entities";
import { MathView } from "./math";
import { imageData, linkTarget } from "./targets";
import { markdownWords } from "./words";

const REL = "noopener noreferrer nofollow";
const LINE_BREAK = /^<br\s*\/?>$/i;

export function Inline({ tokens, isInLink = false }: { tokens: readonly Token[] | undefined; isInLink?: boolean }) {
  return <>{tokens?.map((token) => inline(token, isInLink))}</>;
}

function inline(token: Token, isInLink: boolean): ComponentChildren {
  const tokens = "tokens" in token ? token.tokens : undefined;
  const inner = () => <Inline tokens={tokens} isInLink={isInLink} />;
  switch (token.type) {
    case "text":
      return tokens ? inner() : decoded((token as Tokens.Text).text);
    case "escape":
      return (token as Tokens.Escape).text;
    case "strong":
      return <strong>{inner()}</strong>;
    case "em":
      return <em>{inner()}</em>;
    case "del":
      return <del>{inner()}</del>;
    default:
      return leaf(token, isInLink);
  }
}

function leaf(token: Token, isInLink: boolean): ComponentChildren {
  switch (token.type) {
    case "br":
      return <br />;
    case "codespan":
      return <code class="md-codespan">{(token as Tokens.Codespan).text}</code>;
    case "link":
      return <Link token={token as Tokens.Link} isInLink={isInLink} />;
    case "image":
      return <Image token={token as Tokens.Image} isInLink={isInLink} />;
    case "checkbox":
      return <Checkbox isChecked={(token as Tokens.Checkbox).checked} />;
    case "formula":
      return <MathView formula={token as Formula} />;
    default:
      return LINE_BREAK.test(token.raw) ? <br /> : token.raw;
  }
}

function Link({ token, isInLink }: { token: Tokens.Link; isInLink: boolean }) {
  const target = isInLink ? undefined : linkTarget(token.href, token.autolink);
  if (target === undefined) return <Inline tokens={token.tokens} isInLink={isInLink} />;
  return (
    <Anchor target={target}>
      {token.autolink ? token.text : <Inline tokens={token.tokens} isInLink />}
    </Anchor>
  );
}

function Anchor({ target, children }: { target: string; children: ComponentChildren }) {
  return (
    <a class="md-link" href={target} title={target} target="_blank" rel={REL}>
      {children}
    </a>
  );
}

function Image({ token, isInLink }: { token: Tokens.Image; isInLink: boolean }) {
  const alt = decoded(token.text);
  const data = imageData(token.href);
  if (data !== undefined) return <img class="md-image" src={data} alt={alt} />;
  const label = `🖼 ${alt || markdownWords.image}`;
  const target = isInLink ? undefined : linkTarget(token.href);
  return target === undefined ? <>{label}</> : <Anchor target={target}>{label}</Anchor>;
}

function Checkbox({ isChecked }: { isChecked: boolean }) {
  const label = isChecked ? markdownWords.done : markdownWords.toDo;
  return <input class="md-checkbox" type="checkbox" disabled checked={isChecked} aria-label={label} />;
}
