/* Coloured tokens, for those who want to see them. */
import { lazily } from "./lazily";
import type { TokensProps } from "./Tokens";

export const Tokens = lazily<TokensProps>(async () => (await import("./Tokens")).Tokens);
