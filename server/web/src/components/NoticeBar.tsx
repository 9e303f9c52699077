/* Says for a moment what was done or has failed, and undoes it. */
import { X } from "lucide";

import { announcement, dismissNotice, notice } from "../state/notices";
import { words } from "../words";
import { IconButton } from "./IconButton";

export function NoticeBar() {
  const shown = notice.value;
  return (
    <div class="notice-place" role={shown?.isFailure ? "alert" : "status"}>
      {shown && (
        <div class={`notice ${shown.isFailure ? "is-failure" : ""}`}>
          <span>{shown.text}</span>
          {shown.undo && (
            <button type="button" class="button button-small" onClick={() => (dismissNotice(), shown.undo?.())}>
              {words.notices.undo}
            </button>
          )}
          <IconButton icon={X} label={words.notices.dismiss} onClick={dismissNotice} />
        </div>
      )}
    </div>
  );
}

/** What happens, for people who hear the page. */
export const Announcer = () => (
  <div class="unseen" role="status" aria-live="polite">
    {announcement.value}
  </div>
);
