/* What was typed and not sent yet, for each chat. */
import { keep, recall } from "./storage";

const NAME = "draft.";

export const draftOf = (id: string | null): string => recall<string>("local", NAME + (id ?? "new")) ?? "";

export const keepDraft = (id: string | null, text: string): void => keep("local", NAME + (id ?? "new"), text);
