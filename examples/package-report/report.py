"""Merges the batches of the package ledger into one report."""

import collections
import json
import os
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ElementTree

from sigv4 import signed_headers

BUCKET = os.environ.get("BUCKET", "package-ledger")


def get(path, query=None):
    url = os.environ["AWS_ENDPOINT_URL"] + path
    if query:
        url += "?" + urllib.parse.urlencode(query)
    request = urllib.request.Request(url, headers=signed_headers("GET", url, "s3"))
    with urllib.request.urlopen(request, timeout=10) as response:
        return response.read()


def keys():
    """Names of the ledger's objects; none while there is no bucket."""
    query = {"list-type": "2", "prefix": "batches/"}
    while True:
        try:
            listing = ElementTree.fromstring(get(f"/{BUCKET}", query))
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return
            raise
        # The namespace is S3's own; only the local names matter here.
        for element in listing.iter():
            element.tag = element.tag.rpartition("}")[2]
        for content in listing.findall("Contents"):
            yield content.findtext("Key")
        if listing.findtext("IsTruncated") != "true":
            return
        query["continuation-token"] = listing.findtext("NextContinuationToken")


def handler(event, context):
    top = event.get("top", 10)
    packages = {}
    batches = 0
    for key in keys():
        batches += 1
        batch = json.loads(get(f"/{BUCKET}/{key}"))
        # A batch may have been delivered twice with other bounds: a package counts once.
        packages.update((package["id"], package) for package in batch["packages"])

    def totals(field):
        counts, sizes = collections.Counter(), collections.Counter()
        for package in packages.values():
            counts[package[field]] += 1
            sizes[package[field]] += package["bytes"]
        return [
            {"name": name, "packages": count, "bytes": sizes[name]}
            for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        ]

    return {
        "packages": len(packages),
        "bytes": sum(package["bytes"] for package in packages.values()),
        "batches": batches,
        "kinds": totals("kind"),
        "sections": totals("section")[:top],
        "licences": totals("licence")[:top],
    }
