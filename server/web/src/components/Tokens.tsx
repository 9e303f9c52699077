/* A text as its tokens, each coloured by how likely it was. One that is picked shows what could have stood there, and a
 * click on that goes on from it. */
import { useEffect, useId, useRef, useState } from "preact/hooks";

import type { TokenLogprob } from "../api/types";
import { percent } from "../format";
import { words } from "../words";
import { placeBeside } from "./placing";

/** Shares of likelihood below which a token is shown as less sure, from the surest on. */
const STEPS = [0.9, 0.6, 0.3, 0.1];

export interface TokensProps {
  /** The whole text: what it has in front of its tokens was given to the model. */
  readonly text: string;
  readonly tokens: readonly TokenLogprob[];
  /** Goes on from a text in place of what was said; undefined where that cannot be. */
  readonly onTake?: ((prefix: string) => void) | undefined;
}

export function Tokens({ text, tokens, onTake }: TokensProps) {
  const id = useId();
  const list = useRef<HTMLDivElement>(null);
  const owner = useRef<HTMLElement | null>(null);
  const [picked, setPicked] = useState<number | null>(null);
  const pick = (index: number, element: HTMLElement): void => {
    list.current?.showPopover();
    owner.current = element;
    setPicked(index);
  };
  const closed = (event: Event): void => {
    if ((event as ToggleEvent).newState === "closed") setPicked(null);
  };
  useEffect(() => {
    if (picked === null || !owner.current || !list.current) return;
    placeBeside(owner.current, list.current);
    list.current.querySelector<HTMLElement>("button:not(:disabled)")?.focus();
  }, [picked]);
  const token = picked === null ? undefined : tokens[picked];
  const given = givenBefore(text, joined(tokens));
  return (
    <div class="tokens" dir="auto">
      {given}
      {tokens.map((one, index) => (
        // No button element: one stands as a block in its line, and has no line breaks.
        <span
          role="button"
          tabIndex={0}
          key={index}
          class={`token token-${step(one.logprob)}`}
          aria-label={words.tokens.label(visible(one.token), percent(one.logprob))}
          onClick={(event) => pick(index, event.currentTarget)}
          onKeyDown={(event) => {
            if (event.key !== "Enter" && event.key !== " ") return;
            event.preventDefault();
            pick(index, event.currentTarget);
          }}
        >
          {one.token}
        </span>
      ))}
      <div ref={list} id={id} class="menu alternatives" popover="auto" role="group" aria-label={words.tokens.alternatives} onToggle={closed}>
        {token && picked !== null && (
          <Alternatives
            token={token}
            onTake={onTake && ((taken) => {
              list.current?.hidePopover();
              onTake(given + joined(tokens.slice(0, picked)) + taken);
            })}
          />
        )}
      </div>
    </div>
  );
}

function Alternatives({ token, onTake }: { token: TokenLogprob; onTake: ((taken: string) => void) | undefined }) {
  const others = token.top_logprobs.filter((other) => other.token !== token.token);
  return (
    <ul>
      <li class="alternative-chosen">
        <span class="alternative-token">{visible(token.token)}</span>
        <span>{`${percent(token.logprob)} · ${words.tokens.chosen}`}</span>
      </li>
      {others.map((other, index) => (
        <li key={index}>
          <button
            type="button"
            disabled={!onTake || !other.token}
            title={words.tokens.take(visible(other.token))}
            onClick={() => onTake?.(other.token)}
          >
            <span class="alternative-token">{visible(other.token)}</span>
            <span>{percent(other.logprob)}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}

const joined = (tokens: readonly TokenLogprob[]): string => tokens.map(({ token }) => token).join("");

const givenBefore = (text: string, said: string): string => (text.endsWith(said) ? text.slice(0, text.length - said.length) : "");

const step = (logprob: number): number => STEPS.filter((share) => Math.exp(logprob) < share).length;

/** White space and controls that can be seen. */
const visible = (token: string): string =>
  token === ""
    ? words.tokens.silent
    : token.replaceAll(" ", "␣").replaceAll("\n", "⏎").replaceAll("\t", "⇥").replace(/[\p{Cc}\p{Cf}]/gu, asCode);

const asCode = (character: string): string =>
  `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
