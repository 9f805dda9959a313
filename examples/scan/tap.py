"""Does what the page of a link does when its button is tapped: tap.py LINK"""

import base64
import json
import sys
import urllib.error
import urllib.parse
import urllib.request

page, _, fragment = sys.argv[1].partition("#")
link = dict(urllib.parse.parse_qsl(fragment))
text = link.get("p", "")
request = urllib.request.Request(
    urllib.parse.urljoin(page, "/v1/call/" + urllib.parse.quote(link["m"], safe="")),
    data=base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) if text else None,
    headers={"Authorization": "Bearer " + link["t"], "Content-Type": "application/json"},
    method="POST",
)
try:
    with urllib.request.urlopen(request, timeout=60) as answer:
        print(answer.status, answer.read().decode())
except urllib.error.HTTPError as refusal:
    with refusal:
        print(refusal.code, json.load(refusal)["type"].rpartition("/")[2])
    sys.exit(1)
