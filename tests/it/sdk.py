"""Asks one date of one app through the official SDK and prints its answer as JSON.

Arguments: action, endpoint as host:port, SecretId, SecretKey, date, SdkAppId.
"""
import sys

from tencentcloud.common import credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.trtc.v20190722 import models, trtc_client

action, endpoint, secret_id, secret_key, date, app = sys.argv[1:]
http = HttpProfile(protocol="http", endpoint=endpoint, reqTimeout=10)
client = trtc_client.TrtcClient(
    credential.Credential(secret_id, secret_key), "ap-guangzhou", ClientProfile(httpProfile=http)
)
request = getattr(models, action + "Request")()
request.StartTime = request.EndTime = date
request.SdkAppId = int(app)
print(getattr(client, action)(request).to_json_string())
