// Pieces of PromQL that several panels need. `account`, `item` and `app` are the dashboards' variables.

export const ACCOUNT = 'account=~"$account"';

// The selected items of the selected accounts, which is what usage is looked at by.
export const ITEMS = `${ACCOUNT}, item=~"$item"`;

// The selected apps, without the total: it is their sum and more.
export const ONLY_APPS = 'sdk_app_id=~"$app", sdk_app_id!="total"';
export const APPS = `${ITEMS}, ${ONLY_APPS}`;

// Adds the label app_name, which is the id where the configuration gives no name.
export const withName = (expr) =>
  `(\n${indented(expr)}\n) * on (account, sdk_app_id) group_left (app_name) app:trtc_app_info:named`;

// An account as a whole: its total where it is polled, or else the sum of its apps. `of` makes an expression with the
// labels account, sdk_app_id and item from a selector.
export const wholeAccount = (of) => `(
${indented(`sum by (account, item) (${of(`${ITEMS}, sdk_app_id="total"`)})`)}
  or
${indented(`sum by (account, item) (${of(`${ITEMS}, sdk_app_id!="total"`)})`)}
)`;

// All media together. audio_video, the single-price counter, is never added to the others: the larger side counts.
export const allMedia = (metric, selector) =>
  `max by (account, sdk_app_id, item) (
  sum by (account, sdk_app_id, item) (${metric}{${selector}, media!="audio_video"})
  or sum by (account, sdk_app_id, item, media) (${metric}{${selector}, media="audio_video"})
)`;

// Zero with the label at "none" where there is nothing, so that nothing is not mistaken for no data.
export const orNone = (expr, label) => `${expr}\nor on () label_replace(vector(0), "${label}", "none", "", "")`;

export const indented = (text) => text.replace(/^/gm, "  ");
