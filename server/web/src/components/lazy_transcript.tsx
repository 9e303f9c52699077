/* What is needed as soon as there is something to read: fetched at once, but after what is needed to ask. */
import { words } from "../words";
import { lazily } from "./lazily";
import { Missing } from "./Missing";
import type { TranscriptProps } from "./Transcript";

const fetchTranscript = async () => (await import("./Transcript")).Transcript;

const TranscriptMissing = ({ onAgain }: { onAgain: () => void }) => (
  <Missing text={words.failure.partOfPage} action={words.failure.tryAgain} onAction={onAgain} />
);

export const Transcript = lazily<TranscriptProps>(fetchTranscript, { draw: TranscriptMissing });

export const prefetchTranscript = (): void => void fetchTranscript().catch(() => undefined);
