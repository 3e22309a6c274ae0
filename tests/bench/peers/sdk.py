"""The official SDK on one core: builds and signs a request, and reads an answer of a day. sdk.py ANSWER.json

Prints microseconds of CPU for both together, the median of several runs.
"""
import json
import statistics
import sys
import time

from tencentcloud.common import credential
from tencentcloud.common.http.request import RequestInternal
from tencentcloud.trtc.v20190722 import models, trtc_client

answer = open(sys.argv[1]).read()
client = trtc_client.TrtcClient(credential.Credential("not-a-real-id", "not-a-real-secret-key-0123456789"), "ap-guangzhou")
question = {"StartTime": "2024-02-28", "EndTime": "2024-02-28", "SdkAppId": 1400000001}


def once():
    request = RequestInternal("trtc.tencentcloudapi.com", "POST", "/")
    client._build_req_with_tc3_signature("DescribeTrtcUsage", question, request)
    assert "Signature=" in request.header["Authorization"]
    reply = models.DescribeTrtcUsageResponse()
    reply._deserialize(json.loads(answer)["Response"])
    assert len(reply.UsageList) == 288


runs = []
for _ in range(21):
    begin = time.process_time_ns()
    for _ in range(20):
        once()
    runs.append((time.process_time_ns() - begin) / 20_000)
print(statistics.median(runs))
