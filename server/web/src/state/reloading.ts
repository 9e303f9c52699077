/* A part of the page that cannot be fetched belongs to an older build, or the server cannot be reached. */
import { currentChat } from "./chat";
import { isOffline, isOutdated, lookAgain } from "./server";
import { keep, recall } from "./storage";

const NAME = "reloaded-at";
const PAUSE_MS = 60_000;

/** Fetches the newer page, unless that was just done, would lose something, or nobody would answer. */
export async function reloadForNewerBuild(): Promise<void> {
  await lookAgain();
  if (isOffline.value) return;
  const isTried = Date.now() - (recall<number>("session", NAME) ?? 0) < PAUSE_MS;
  if (isTried || currentChat.value.isTemporary.value) {
    isOutdated.value = true;
    return;
  }
  keep("session", NAME, Date.now());
  location.reload();
}
