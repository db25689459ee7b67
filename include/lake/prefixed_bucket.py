"""The objects of a bucket under a prefix, as if they were a bucket of their own."""

from typing import Any

from include.lake.bucket import Bucket


class PrefixedBucket(Bucket):
    """The objects of a bucket under a prefix, as if they were a bucket of their own."""

    def __init__(self, bucket: Bucket, prefix: str) -> None:
        vars(self).update(vars(bucket))
        self.s3, self._prefix = _PrefixedS3(bucket.s3, prefix), prefix  # type: ignore[assignment]

    def url(self, key: str) -> str:
        """The URL of an object, prefix included."""
        return super().url(self._prefix + key)


class _PrefixedS3:
    """An S3 client that adds a prefix to every key, and removes it from the keys that it lists."""

    def __init__(self, s3: Any, prefix: str) -> None:
        self._s3, self._prefix = s3, prefix

    def __getattr__(self, name: str) -> Any:
        request = getattr(self._s3, name)
        if not callable(request):
            return request

        def ask(**named: Any) -> Any:
            for key in {"Key", "Prefix"} & named.keys():
                named[key] = self._prefix + named[key]
            found = request(**named)
            for each in found.get("Contents", ()) if isinstance(found, dict) else ():
                each["Key"] = each["Key"].removeprefix(self._prefix)
            return found

        return ask
