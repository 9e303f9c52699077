/* Which targets of links and images a page may use: a short list, never a filter of bad ones. */
import { decoded } from "./entities";

const LINK = /^(?:https?:\/\/[^\s/]|mailto:[^\s]|#)/i;
const IMAGE_DATA = /^data:image\/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+={0,2}$/;

/* The target as a browser may have it, or undefined: then the link is shown as text. */
export function linkTarget(href: string, isLiteral = false): string | undefined {
  const target = (isLiteral ? href : decoded(href)).trim();
  return LINK.test(target) ? target : undefined;
}

/* Only what is in the text itself: fetching an image tells its host that this was read. */
export function imageData(href: string): string | undefined {
  return IMAGE_DATA.test(href) ? href : undefined;
}
