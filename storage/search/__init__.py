"""What is looked for, what can be found, and how it is shown. Where it is found is `storage.searching`' business."""
