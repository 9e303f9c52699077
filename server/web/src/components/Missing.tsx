/* What takes the place of a chat that cannot be shown: why, and what to do. */
interface Props {
  readonly text: string;
  readonly action: string;
  readonly onAction: () => void;
}

export function Missing({ text, action, onAction }: Props) {
  return (
    <div class="welcome" role="alert">
      <p class="welcome-title">{text}</p>
      <button type="button" class="button button-main" onClick={onAction}>
        {action}
      </button>
    </div>
  );
}
