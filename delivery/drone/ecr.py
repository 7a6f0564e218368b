"""A repository in ECR. Manifests go by the AWS API, so that a role with two actions can promote; blobs go by the HTTP API
with the token that ECR gives for twelve hours."""

import base64

from .identity import session
from .registry import ECR, INDEXES, MANIFESTS, DIGEST, Registry, digest_of
from .say import Failure


class EcrRepository(Registry):
    """The verbs of `Registry` for ECR."""

    def __init__(self, host, name):
        super().__init__(host, name)
        self.account, region = ECR.fullmatch(host).groups()
        self._ecr = session().client("ecr", region_name=region)

    def login(self):
        """User and password for the HTTP API and for docker, good for some hours."""
        if self._login is None:
            data = self._ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
            self._login = tuple(base64.b64decode(data).decode().split(":", 1))
        return self._login

    def head(self, reference):
        found = self._find(reference)
        return found and found["imageId"]["imageDigest"]

    def get(self, reference):
        found = self._find(reference)
        if found is None:
            raise Failure(f"{self.repository} has no `{reference}`. Was it pushed there?")
        data = found["imageManifest"].encode()
        if digest_of(data) != found["imageId"]["imageDigest"]:
            raise Failure(f"{self.repository} gave a manifest that is not {found['imageId']['imageDigest']}.")
        return data, found["imageManifestMediaType"], digest_of(data)

    def put(self, reference, data, kind):
        name = {} if DIGEST.fullmatch(reference) else {"imageTag": reference}
        errors = self._ecr.exceptions
        try:
            self._ecr.put_image(
                registryId=self.account,
                repositoryName=self.name,
                imageManifest=data.decode(),
                imageManifestMediaType=kind,
                imageDigest=digest_of(data),
                **name,
            )
        except (errors.ImageAlreadyExistsException, errors.ImageTagAlreadyExistsException) as error:
            # this very image under this very name is what was wanted
            if self.head(reference) != digest_of(data):
                raise Failure(f"{self.repository}:{reference} is another image, and tags never move: {error}") from error
        return digest_of(data)

    def revision_of(self, digest):
        """The commit of an image, by its tag of forty digits: no blob must be read for it."""
        found = self._ecr.describe_images(
            registryId=self.account, repositoryName=self.name, imageIds=[{"imageDigest": digest}]
        )
        tags = found["imageDetails"][0].get("imageTags", [])
        return next((name for name in tags if len(name) == 40 and set(name) <= set("0123456789abcdef")), None)

    def _send(self, *arguments, **named):
        self.login()
        return super()._send(*arguments, **named)

    def _find(self, reference):
        name = {"imageDigest" if DIGEST.fullmatch(reference) else "imageTag": reference}
        try:
            answer = self._ecr.batch_get_image(
                registryId=self.account,
                repositoryName=self.name,
                imageIds=[name],
                acceptedMediaTypes=[*MANIFESTS, *INDEXES],
            )
        except self._ecr.exceptions.RepositoryNotFoundException as error:
            raise Failure(f"There is no {self.repository}. The stack makes it.") from error
        return answer["images"][0] if answer["images"] else None
