"""Asks through the official SDK and prints what it has read, as a JSON list with one answer for each question.

Arguments: endpoint as host:port, SecretId, SecretKey, and a JSON list of questions: pairs of an action and its parameters.
"""
import json
import sys
import warnings

from tencentcloud.common import credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.trtc.v20190722 import models, trtc_client

# The SDK says so when it does not know a field, and silences itself.
warnings.filterwarnings("error", category=UserWarning)

endpoint, secret_id, secret_key, questions = sys.argv[1:]
http = HttpProfile(protocol="http", endpoint=endpoint, reqTimeout=10)
client = trtc_client.TrtcClient(
    credential.Credential(secret_id, secret_key), "ap-guangzhou", ClientProfile(httpProfile=http)
)


def ask(action, parameters):
    request = getattr(models, action + "Request")()
    request.from_json_string(json.dumps(parameters))
    return json.loads(getattr(client, action)(request).to_json_string())


print(json.dumps([ask(*question) for question in json.loads(questions)]))
