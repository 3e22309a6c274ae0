//! What to type next, for somebody who has called the program without anything that it could poll.

use std::path::Path;

/// Every way to go on, the one that needs nothing first. `file` is the configuration that was looked for.
pub fn first_steps(file: &Path) -> String {
    let file = file.display();
    format!(
        "
To look around, with invented usage; needs nothing:

  trtc-exporter demo

To poll one app of your account without a file (its id is in the TRTC console, keys are in the CAM console):

  export TENCENTCLOUD_SECRET_ID=...
  export TENCENTCLOUD_SECRET_KEY=...
  trtc-exporter --sdk-app-id=1400000001

To poll more, write {file}; this is enough, all else has a default:

  accounts:
    - name: main
      credentials:
        secret_id_file: secret-id
        secret_key_file: secret-key
      apps:
        - sdk_app_id: 1400000001

  trtc-exporter --config.file={file} --config.check

`trtc-exporter --help` has all flags."
    )
}
