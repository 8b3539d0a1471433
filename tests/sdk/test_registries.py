"""Images and templates taken from files."""

from guestwire.model.desired import Desired
from guestwire.model.images import Image, Template
from guestwire.sdk import registries

IMAGE = Image(id="Rt", os_type="linux", path="/images/rt", min_memory_mib=192)
TEMPLATE = Template(id="RtLinux", os_type="linux", image_type="linux")


def test_toml_comes_back() -> None:
    full = Desired(images=(IMAGE,), templates=(TEMPLATE,))
    assert registries.taken(registries.dump(full), Desired()) == full


def test_a_known_id_is_replaced_in_its_place() -> None:
    other = Image(id="Other", os_type="linux", path="/images/other")
    newer = IMAGE.model_copy(update={"min_memory_mib": 256})
    text = registries.dump(Desired(images=(newer,)))
    assert registries.taken(text, Desired(images=(IMAGE, other))).images == (newer, other)


def test_the_system_managers_files_are_told_apart() -> None:
    images = '<Images><Image Id="A" Name="a" Type="linux" Path="/a" Arch="64" MinSize="192M" Align="4M"/></Images>'
    systems = '<OperatingSystems><OperatingSystem Id="T" Name="t" Type="linux" HasRtSupport="true"/></OperatingSystems>'
    desired = registries.taken(systems, registries.taken(images, Desired()))
    assert [image.min_memory_mib for image in desired.images] == [192]
    assert [template.id for template in desired.templates] == ["T"]
