/* What is needed as soon as there is something to read: fetched at once, but after what is needed to ask. */
import { lazily } from "./lazily";
import type { TranscriptProps } from "./Transcript";

const fetchTranscript = async () => (await import("./Transcript")).Transcript;

export const Transcript = lazily<TranscriptProps>(fetchTranscript);

export const prefetchTranscript = (): void => void fetchTranscript().catch(() => undefined);
