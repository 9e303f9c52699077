/* What the model thought, called and said after a question, with how it was made and what can be done with it. */
import { Check, Copy, GitFork, RefreshCw } from "lucide";
import { memo } from "./memo";

import type { ContentPart, Item, ResponseSummary, TokenLogprob } from "../api/types";
import { Markdown } from "../markdown/blocks";
import { askAgain, forkHere, goOn } from "../state/branching";
import { textOf, type Chat } from "../state/chat";
import { showsProbabilities } from "../state/preferences";
import { words } from "../words";
import { Boundary } from "./Boundary";
import { CopyButton } from "./CopyButton";
import { Ending } from "./Ending";
import { IconButton } from "./IconButton";
import { Reasoning } from "./Reasoning";
import { Stats } from "./Stats";
import { Tokens } from "./lazy_tokens";
import { ToolCall } from "./ToolCall";
import { VariantSwitch } from "./VariantSwitch";

interface Props {
  readonly chat: Chat;
  /** From the first thought to the last word. */
  readonly items: readonly Item[];
  /** The item in front of them; null if it is at the server only. */
  readonly before: Item | null;
  readonly isLast: boolean;
}

export const Answer = memo(
  function Answer({ chat, items, before, isLast }: Props) {
    const response = items.findLast((item) => item.parley?.response)?.parley?.response;
    const text = items.filter((item) => item.type === "message").map(textOf).join("\n\n");
    const last = items.at(-1);
    const again = before && !chat.isTemporary.value ? (prefix?: string) => void askAgain(chat, before, prefix) : undefined;
    return (
      <article class="message answer" aria-label={`${words.assistant}${response ? `, ${response.model}` : ""}`}>
        <Boundary text={text}>
          {items.map((item) => (
            <AnswerItem key={item.id} item={item} onTake={again} />
          ))}
        </Boundary>
        {isLast && showsProbabilities.value && text && !items.some(hasTokens) && (
          <p class="ending">{words.tokens.none}</p>
        )}
        {/* Why the last one has failed is said below it. */}
        {response && !(isLast && response.status === "failed") && (
          <Ending response={response} onGoOn={isLast && last ? () => void goOn(chat, last) : undefined} />
        )}
        <footer class="message-footer">
          <div class="actions" role="group" aria-label={words.message.actions}>
            <VariantSwitch chat={chat} after={before?.id ?? null} />
            <CopyButton text={text} icon={Copy} done={Check} />
            {again && <IconButton icon={RefreshCw} label={words.message.askAgain} onClick={() => again()} />}
            {last && !chat.isTemporary.value && (
              <IconButton icon={GitFork} label={words.message.fork} onClick={() => void forkHere(chat, last)} />
            )}
          </div>
          {response && <Stats response={response} />}
        </footer>
      </article>
    );
  },
  (a, b) => a.chat === b.chat && a.isLast === b.isLast && a.before === b.before && isSame(a.items, b.items),
);

const isSame = (a: readonly Item[], b: readonly Item[]): boolean =>
  a.length === b.length && a.every((item, index) => item === b[index]);

function AnswerItem({ item, onTake }: { item: Item; onTake: ((prefix: string) => void) | undefined }) {
  if (item.type === "reasoning") return <StoredReasoning item={item} />;
  if (item.type === "function_call") return <ToolCall name={item.name ?? ""} json={item.arguments ?? ""} />;
  if (item.type === "function_call_output") return <ToolCall name="" json={resultOf(item)} />;
  if (item.type === "message") return <Said item={item} onTake={onTake} />;
  return <ToolCall name={item.type} json={JSON.stringify(item)} />;
}

const tokensOf = (item: Item): readonly TokenLogprob[] =>
  Array.isArray(item.content) ? (item.content as readonly ContentPart[]).flatMap((part) => part.logprobs ?? []) : [];

const hasTokens = (item: Item): boolean => tokensOf(item).length > 0;

function Said({ item, onTake }: { item: Item; onTake: ((prefix: string) => void) | undefined }) {
  const tokens = tokensOf(item);
  if (showsProbabilities.value && tokens.length) return <Tokens text={textOf(item)} tokens={tokens} onTake={onTake} />;
  return <Markdown text={textOf(item)} />;
}

function StoredReasoning({ item }: { item: Item }) {
  const text = textOf(item) || textOf({ ...item, content: item.summary ?? [] });
  return text ? (
    <Reasoning duration={thinkingTime(item.parley?.response)}>
      <Markdown text={text} />
    </Reasoning>
  ) : null;
}

/** Milliseconds that the thoughts took, as fast as the whole answer was; null if that is not known. */
function thinkingTime(response: ResponseSummary | null | undefined): number | null {
  const numTokens = response?.usage?.output_tokens_details?.reasoning_tokens;
  const perSecond = response?.timings?.predicted_per_second;
  return numTokens && perSecond ? (numTokens / perSecond) * 1000 : null;
}

const resultOf = ({ output }: Item): string => (typeof output === "string" ? output : JSON.stringify(output ?? null));
