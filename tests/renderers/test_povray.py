"""POV-Ray: its files are found as it finds them, its clock is the frame's, its errors say where a scene is wrong.

One file over 300 lines: each scene is a text beside what it must show.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from frontburner.jobs.job import JobRefused, make_job
from frontburner.jobs.layout import lay_out
from frontburner.jobs.scenes import frame_scenes
from storage.images import encode_png
from storage.view import View
from tasks.content_digests import named_files_digest
from tasks.errors import NodeNotReady, ProgramFailed, SceneError, UnitFailed
from tasks.renderers import RENDERERS
from tasks.renderers.povray import adapter, program
from tasks.renderers.povray.adapter import _files_of
from tasks.renderers.povray.options import options_of
from tasks.renderers.povray.source import Kind, parse
from tasks.renderers.povray.trying import missing_name
from tasks.renderers.program.picture import read
from tasks.spec import Aov, Region, SampleRange, Size, UnitSpec
from tests.renderers.breaking import half_a_library
from tests.renderers.conftest import SCENES, inspect

if TYPE_CHECKING:
    import numpy.typing as npt

    from tests.renderers.conftest import Bench

HEAD = (
    "#version 3.7;\nglobal_settings { assumed_gamma 1 }\ncamera { orthographic location -z right x up y look_at 0 }\n"
)


def written(folder: Path, body: str, name: str = "scene.pov") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEAD + body)
    return path


def flat(color: str) -> str:
    return f"plane {{ z, 1 pigment {{ rgb {color} }} finish {{ ambient 0 emission 1 diffuse 0 }} }}\n"


def encoded_png(pixels: npt.NDArray[np.uint8]) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def color(bench: Bench) -> list[float]:
    """The middle of the picture."""
    small = bench.with_(size=Size(width=4, height=4), samples=1)
    return [round(float(value), 4) for value in small.means()[2, 2]]


def test_an_error_in_the_scene_is_told_with_its_file_and_line(povray: Bench, tmp_path: Path) -> None:
    scene = written(tmp_path, "sphere { 0, 1 pigment { Redd } }\n", "a scene with a blank.pov")
    with pytest.raises(
        SceneError, match=r"a scene with a blank\.pov, line 4: .*undeclared identifier 'Redd'"
    ) as caught:
        povray.with_(scene).render()
    assert not caught.value.retryable


def test_an_error_in_an_include_is_told_with_its_own_name(povray: Bench, tmp_path: Path) -> None:
    scene = written(tmp_path, '#include "parts/ball.inc"\n')
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "ball.inc").write_text("sphere { 0, }\n")
    with pytest.raises(SceneError, match=r"wrong: parts/ball\.inc, line 1: "):
        povray.with_(scene).render()


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ('#include "nowhere.inc"', r"nowhere\.inc \(line 4 of scene\.pov\)"),
        ('#declare P = pigment { image_map { png "nothing.png" } };', r"nothing\.png \(line 4"),
    ],
)
def test_a_missing_file_is_named_before_anything_is_rendered(
    povray: Bench, tmp_path: Path, body: str, says: str
) -> None:
    with pytest.raises(SceneError, match=says):
        povray.with_(written(tmp_path, body))


def test_a_file_that_is_missing_under_a_condition_is_pov_rays_to_miss(povray: Bench, tmp_path: Path) -> None:
    body = '#if (Wanted) #include "nowhere.inc" #end\n' + flat("<0, 1, 0>")
    assert color(povray.with_(written(tmp_path, f"#declare Wanted = 0;\n{body}"))) == [0, 1, 0, 1]
    with pytest.raises(SceneError, match=r"line 5.*nowhere\.inc.*can't be found"):
        povray.with_(written(tmp_path, f"#declare Wanted = 1;\n{body}", "wanted.pov")).render()


def test_a_broken_picture_is_told_with_the_line_that_names_it(povray: Bench, tmp_path: Path) -> None:
    (tmp_path / "half.png").write_bytes((SCENES / "tiles.png").read_bytes()[:60])
    scene = written(tmp_path, 'plane { z, 1 pigment { image_map { png "half.png" } } }\n')
    with pytest.raises(SceneError, match=r"scene\.pov, line 4: Cannot read PNG"):
        povray.with_(scene).render()


def test_scenes_lie_anywhere_and_are_called_anything(povray: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "Szenen für später, more than eighty columns of a terminal are wide to hold" / "ünï"
    scene = written(folder, '#include "teile.inc"\n' + flat("Farbe"), "Kür.pov")
    (folder / "teile.inc").write_text("#declare Farbe = <0, 0, 1>;\n")
    assert color(povray.with_(scene)) == [0, 0, 1, 1]


def test_the_digest_is_of_all_files(povray: Bench, tmp_path: Path) -> None:
    for name in ("room.pov", "room.inc", "tiles.png"):
        shutil.copy(SCENES / name, tmp_path / name)
    bench = povray.with_(tmp_path / "room.pov")
    assert bench.frame.scene_digest == povray.frame.scene_digest, "wherever the scene lies"
    files = {Path(path).name for path in inspect(bench.process, bench.frame).files}
    assert files == {"room.pov", "room.inc", "tiles.png", "colors.inc"}
    (tmp_path / "tiles.png").write_bytes((SCENES / "tiles.png").read_bytes() + b" ")
    with pytest.raises(SceneError, match="changed while the job ran"):
        bench.render()
    assert bench.with_().frame.scene_digest != povray.frame.scene_digest


def test_values_beyond_one_are_kept_and_linear(povray: Bench, tmp_path: Path) -> None:
    assert color(povray.with_(written(tmp_path, flat("<6, 0.25, 0.0625>")))) == [6, 0.25, 0.0625, 1]


def test_parameters_are_declared_and_the_clock_is_one(povray: Bench, tmp_path: Path) -> None:
    scene = written(tmp_path, "#ifndef (much) #declare much = 0; #end\n" + flat("<clock, much, 0>"))
    assert color(povray.with_(scene)) == [0, 0, 0, 1]
    assert color(povray.with_(scene, parameters=(("clock", "0.5"), ("much", "0.25")))) == [0.5, 0.25, 0, 1]
    with pytest.raises(SceneError, match=r"has no parameter blue"):
        povray.with_(scene, parameters=(("blue", "1"),))
    with pytest.raises(SceneError, match=r"much is 'lots'"):
        povray.with_(scene, parameters=(("much", "lots"),))


def test_an_ini_says_size_frames_clock_and_samples(povray: Bench, tmp_path: Path) -> None:
    written(tmp_path, flat("<clock, frame_number/16, final_frame/16>"), "turn.pov")
    ini = tmp_path / "turn.ini"
    ini.write_text(
        "; a turn\nInput_File_Name=turn.pov\n+W64 +H32\nInitial_Frame = 1\nFinal_Frame=9\nFinal_Clock=2\n"
        "Antialias=On\nAntialias_Depth=2\nSampling_Method=2\n"
    )
    info = inspect(povray.process, povray.with_(ini).frame)
    assert (info.size, info.samples) == (Size(width=64, height=32), 4)
    assert any("even grid" in note for note in info.notes)
    assert [scene.frame for scene in frame_scenes(make_job({"scene": str(ini)}))] == list(range(1, 10))
    assert color(povray.with_(ini, frame=5)) == [1, 5 / 16, 9 / 16, 1]
    assert color(povray.with_(ini, frame=9)) == [2, 9 / 16, 9 / 16, 1]
    with pytest.raises(SceneError, match=r"no frame 10: it names 1 to 9"):
        povray.with_(ini, frame=10)


def test_a_cyclic_animation_never_reaches_its_end(povray: Bench, tmp_path: Path) -> None:
    written(tmp_path, flat("<clock, much, 0>"), "turn.pov")
    ini = tmp_path / "turn.ini"
    ini.write_text("+kff4 +kc declare=much=1\n")
    assert color(povray.with_(ini, frame=4)) == [0.75, 1, 0, 1]


def test_the_number_of_a_frame_is_known_without_an_ini(povray: Bench, tmp_path: Path) -> None:
    scene = written(tmp_path, flat("<frame_number/16, clock, 0>"))
    assert color(povray.with_(scene, frame=3, parameters=(("clock", "0.5"),))) == [3 / 16, 0.5, 0, 1]


def test_a_still_is_its_own_still(povray: Bench, tmp_path: Path) -> None:
    scene = written(tmp_path, '#include "count.inc"\n' + flat("<Count, clock_on, 0>"))
    (tmp_path / "count.inc").write_text("#declare Count = (frame_number + 1) / 4;\n")
    (still,) = frame_scenes(make_job({"scene": str(scene)}))
    assert still.frame == 0
    assert color(povray.with_(scene, frame=0)) == [0.25, 0, 0, 1]
    assert "clock_on is off" in " ".join(inspect(povray.process, povray.with_(scene, frame=0).frame).notes)
    assert color(povray.with_(scene, frame=1)) == [0.5, 1, 0, 1]
    written(tmp_path, flat("1"), "plain.pov")
    assert [each.frame for each in frame_scenes(make_job({"scene": str(tmp_path / "plain.pov")}))] == [1]


def test_alpha_is_the_scenes_to_ask_for(povray: Bench, tmp_path: Path) -> None:
    written(tmp_path, "sphere { 0, 0.1 pigment { rgb 1 } }\n", "ball.pov")
    (tmp_path / "ball.ini").write_text("Output_Alpha=on\n")
    size = Size(width=8, height=8)
    assert povray.with_(tmp_path / "ball.pov", size=size, samples=1).means()[0, 0].tolist() == [0, 0, 0, 1]
    assert povray.with_(tmp_path / "ball.ini", size=size, samples=1).means()[0, 0].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("global_settings { radiosity { count 10 } }", "radiosity"),
        ("global_settings { photons { count 100 } }", "photons"),
        ('#include "stones.inc"\nsphere { 0, 1 texture { T_Grnt9 } }', ""),
        ('#include "stones.inc"\nsphere { 0, 1 texture { T_Grnt0 } }', ""),
        ("sphere { 0, 1 finish { crand 0.1 } }", "crand"),
        ("light_source { 0, 1 area_light x, y, 2, 2 jitter }", "jitter"),
        ("media { method 1 }", "method 1"),
        ("#declare S = seed(mod(now*86400, 1000000));", "now, the time"),
        ("media { method 3 } // radiosity, jitter /* photons */", ""),
        ("/* radiosity /* nested */ photons */ media { }", ""),
        ('#debug "radiosity"', ""),
    ],
)
def test_what_is_never_the_same_twice_is_rendered_whole(povray: Bench, tmp_path: Path, body: str, says: str) -> None:
    bench = povray.with_(written(tmp_path, body))
    because = inspect(bench.process, bench.frame).whole_frames_because
    assert (says in because) if says else not because
    if says:
        with pytest.raises(SceneError, match="can't be rendered in parts"):
            bench.render(Region(x0=0, y0=0, x1=8, y1=8))


def test_a_scene_that_depends_on_the_time_is_said_never_to_be_the_same(povray: Bench, tmp_path: Path) -> None:
    bench = povray.with_(written(tmp_path, "#debug datetime(now)\n#declare S = seed(mod(now*86400, 1000000));"))
    assert "no two renders of it need be equal" in " ".join(inspect(bench.process, bench.frame).notes)


def test_a_scene_that_is_not_cut_is_rendered_whole(povray: Bench, tmp_path: Path) -> None:
    body = "global_settings { radiosity { count 10 } }\nbackground { rgb 1 }\nplane { z, 1 pigment { rgb 0.5 } }\n"
    bench = povray.with_(written(tmp_path, body), size=Size(width=8, height=8), samples=1)
    assert 0 < bench.means()[4, 4, 0] < 1, "lit by nothing but the sky's radiosity"


def test_what_a_library_declares_counts_where_it_is_used(povray: Bench, tmp_path: Path) -> None:
    """The grain of a stone of ``stones1.inc`` is another each time; including the file alone does no harm."""
    include = '#include "stones1.inc"\n'
    unused = povray.with_(written(tmp_path, include))
    assert not inspect(unused.process, unused.frame).whole_frames_because
    stones = (program.include_folders(program.executable())[-1] / "stones1.inc").read_text(encoding="latin-1")
    grainy = {name for name, words in parse(stones).declared.items() if "crand" in words}
    stone = min(grainy)
    used = povray.with_(written(tmp_path, include + f"sphere {{ 0, 1 texture {{ {stone} }} }}", "used.pov"))
    assert "crand" in inspect(used.process, used.frame).whole_frames_because


def test_pixels_that_are_not_finite_are_refused_and_placed(povray: Bench, tmp_path: Path) -> None:
    bench = povray.with_(written(tmp_path, flat("<1e30, 0, 0>")), size=Size(width=4, height=4), samples=1)
    with pytest.raises(UnitFailed, match=r"POV-Ray drew 16 pixels that are infinite .* the first at 0,0") as caught:
        bench.render()
    assert not caught.value.retryable


def test_what_it_cannot_do_is_refused(povray: Bench) -> None:
    with pytest.raises(SceneError, match="no aovs"):
        povray.with_(aovs=(Aov.DEPTH,)).render()
    with pytest.raises(UnitFailed, match="samples in parts"):
        povray.render(samples=(0, 2))
    odd = UnitSpec(frame=povray.frame, region=povray.frame.size.whole, samples=SampleRange(start=2, stop=8))
    with pytest.raises(UnitFailed, match="samples in parts"):
        povray.process.render(odd)


def test_a_program_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FRONTBURNER_POVRAY", str(tmp_path / "povray"))
    with pytest.raises(NodeNotReady, match=r"FRONTBURNER_POVRAY names .* can't be run.*apt-get install povray"):
        RENDERERS["povray"].builds()


def test_a_program_that_renders_nothing_is_told_from_one_that_works(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    broken = tmp_path / "povray"
    broken.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo "POV-Ray 3.7.9" && exit 0\necho "error: no licence" >&2\nexit 1\n'
    )
    broken.chmod(0o755)
    monkeypatch.setenv("FRONTBURNER_POVRAY", str(broken))
    with pytest.raises(NodeNotReady, match="no licence"):
        RENDERERS["povray"].builds()


def test_a_library_of_the_systems_that_is_cut_off_is_told(
    povray: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in half_a_library(tmp_path / "libraries").items():
        monkeypatch.setenv(name, value)
    says = r"libpng16\.so\.16 is cut off: 3000 of at least \d+ bytes.*apt-get install --reinstall libpng16-16"
    with pytest.raises(NodeNotReady, match=says):
        RENDERERS["povray"].builds()


def test_references_are_told_apart() -> None:
    source = parse(
        '#include "a.inc" // "b.inc"\n/* "c.inc" */\n#if (1)\n  #include "d.inc"\n#end\n'
        'image_map { png "e.png" }\n#declare F = concat("f", "g");\n'
    )
    told = [(one.name, one.kind, one.line, one.certain) for one in source.references]
    assert told == [
        ("a.inc", Kind.SOURCE, 1, True),
        ("d.inc", Kind.SOURCE, 4, False),
        ("e.png", Kind.FILE, 6, True),
        ("f", Kind.MAYBE, 7, True),
        ("g", Kind.MAYBE, 7, True),
    ]
    assert "concat" in source.declared["F"]


def test_names_that_are_computed_are_told_apart() -> None:
    source = parse(
        '#declare T = "a.png"; #declare U = "b.png"; #local U = concat("b", ".png");\n'
        "image_map { png T }\nimage_map { jpeg U }\n#include concat(T, 1)\n#if (file_exists(U)) #end\n"
        '#fopen F "made.inc" write\n#write (F, "x")\n#fopen G concat("x", "y") read\n#fopen H concat("x", "y") append\n'
        'text { ttf "timrom.ttf", "words", 1, 0 }\n'
    )
    assert [(one.word, one.line, one.asks) for one in source.computed] == [
        ("T", 2, False), ("U", 3, False), ("concat", 4, False), ("U", 5, True), ("concat", 8, False),
    ]  # fmt: skip
    assert (set(source.texts), set(source.written)) == ({"T"}, {"made.inc"})
    assert [one.name for one in source.references if one.kind is Kind.FILE] == ["a.png", "timrom.ttf"]


FRAMES_OF_A_FILM = """
#include concat("parts", "/", "colours.inc")
#declare Film = concat("film", str(frame_number, -3, 0), ".png");
plane { z, 1 pigment { image_map { png Film } scale 2 translate -1 } finish { ambient 0 emission 1 diffuse 0 } }
"""


def test_names_that_a_scene_computes_are_found_by_having_it_read(povray: Bench, tmp_path: Path) -> None:
    scene = written(tmp_path, FRAMES_OF_A_FILM)
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "colours.inc").write_text('#include concat("gre", "y.inc")\n')
    (tmp_path / "grey.inc").write_text("#declare Grey = 0.5;\n")
    for frame, level in ((1, 51), (2, 255)):
        pixels = np.full((2, 2, 3), level, np.uint8)
        (tmp_path / f"film{frame:03d}.png").write_bytes(encoded_png(pixels))
    for frame, light in ((1, 0.0331), (2, 1.0)):
        bench = povray.with_(scene, frame=frame, size=Size(width=4, height=4), samples=1)
        named = {"scene.pov", "parts/colours.inc", "grey.inc", f"film{frame:03d}.png"}
        assert bench.frame.scene_digest == named_files_digest((name, tmp_path / name) for name in named)
        assert bench.means()[2, 2, 0] == pytest.approx(light, abs=1e-3)
    with pytest.raises(SceneError, match=r"files that don't exist: film003\.png \(a name that the scene computes\)"):
        povray.with_(scene, frame=3)


def test_a_scene_that_does_not_move_is_read_once_for_all_frames(
    povray: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = written(tmp_path, '#include concat("grey", ".inc")\n' + flat("Grey"))
    (tmp_path / "grey.inc").write_text("#declare Grey = 0.5;\n")
    tries: list[Path] = []

    def counted(command: list[str], folder: Path, path: Path, limit_s: float) -> str | None:
        tries.append(path)
        return missing_name(command, folder, path, limit_s)

    monkeypatch.setattr(adapter, "missing_name", counted)
    found = [RENDERERS["povray"].inspect(scene, build="", frame=frame, parameters=()).digest for frame in (1, 2, 3)]
    assert len(set(found)) == 1
    assert len(tries) == 2, "one that misses the file, and one that doesn't"


def test_a_computed_name_that_is_only_asked_for_is_noted(povray: Bench, tmp_path: Path) -> None:
    scene = written(tmp_path, '#if (file_exists(concat("a", ".inc"))) #end\n' + flat("1"))
    notes = inspect(povray.process, povray.with_(scene).frame).notes
    assert notes == ("Whether files with computed names exist (line 4) is neither sent nor compared.",)


def test_computed_names_that_are_not_tried_are_noted_and_the_scene_is_rendered(
    povray: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = "#declare N = 0;\n#while (N < 1e9) #declare N = N + 1; #end\n#declare F = concat(1);\n#include F\n"
    options = options_of(written(tmp_path, long))
    monkeypatch.setattr("tasks.renderers.program.run.POLL_S", 0.1)
    files = _files_of(options, replace(povray.frame, scene=str(options.scene)), program.executable(), limit_s=1.0)
    note = "(line 7) are neither sent nor compared, since POV-Ray takes too long to read the scene."
    assert files.notes == [f"Files with computed names {note}"]
    absolute = written(
        tmp_path, f'#declare F = concat("{tmp_path}/", "grey.inc");\n#include F\n' + flat("Grey"), "a.pov"
    )
    (tmp_path / "grey.inc").write_text("#declare Grey = 0.5;\n")
    assert "since they may be absolute" in inspect(povray.process, povray.with_(absolute).frame).notes[0]
    assert color(povray.with_(absolute)) == [0.5, 0.5, 0.5, 1]
    by_size = written(tmp_path, "#declare F = concat(str(image_width, 0, 0));\n#if (0) #include F #end\n" + flat("1"))
    bench = povray.with_(by_size)
    assert "since they may depend on the picture's size" in inspect(povray.process, bench.frame).notes[0]
    assert color(bench) == [1, 1, 1, 1]


PICTURE_ON_A_PLANE = (
    "plane {{ z, 1 pigment {{ image_map {{ png {} }} scale 2 translate -1 }}"
    " finish {{ ambient 0 emission 1 diffuse 0 }} }}\n"
)


def test_a_text_that_a_variable_holds_is_a_files_name_with_or_without_its_ending(povray: Bench, tmp_path: Path) -> None:
    (tmp_path / "tile.png").write_bytes(encoded_png(np.full((2, 2, 3), 255, np.uint8)))
    (tmp_path / "half.inc").write_text("#declare Half = 0.5;\n")
    (tmp_path / "names.inc").write_text('#declare Other = "tile"\n')
    body = '#declare F = "tile"\n#declare G = "half"\n#include G\n' + PICTURE_ON_A_PLANE.format("F")
    bodies = {
        "here.pov": (body, {"tile.png", "half.inc"}),
        "there.pov": ('#include "names.inc"\n' + PICTURE_ON_A_PLANE.format("Other"), {"tile.png", "names.inc"}),
    }
    for name, (text, others) in bodies.items():
        bench = povray.with_(written(tmp_path, text, name))
        named = {str(Path(file).relative_to(tmp_path)) for file in inspect(povray.process, bench.frame).files}
        assert named == {name, *others}
        assert color(bench) == [1, 1, 1, 1]


def test_a_missing_file_that_a_variable_names_is_told_at_once(povray: Bench, tmp_path: Path) -> None:
    gone = '#declare F = "gone.png"\n' + PICTURE_ON_A_PLANE.format("F")
    with pytest.raises(SceneError, match=r"don't exist: gone\.png \(line 4 of scene\.pov\)"):
        povray.with_(written(tmp_path, gone))
    replaced = '#declare F = "none.png"\n#declare F = "tile.png"\n' + PICTURE_ON_A_PLANE.format("F")
    (tmp_path / "tile.png").write_bytes(encoded_png(np.full((2, 2, 3), 255, np.uint8)))
    made = '#declare G = "made.inc"\n#fopen H G write\n#write (H, "#declare C = 1;")\n#fclose H\n#include G\n'
    assert color(povray.with_(written(tmp_path, made + replaced))) == [1, 1, 1, 1]


def test_what_a_scene_writes_isnt_missing_and_fonts_are(povray: Bench, tmp_path: Path) -> None:
    made = '#fopen F "made.inc" write\n#write (F, "#declare C = 0.25;")\n#fclose F\n#include "made.inc"\n'
    font = 'text { ttf "timrom.ttf", "a", 1, 0 translate 9 }\n'
    assert color(povray.with_(written(tmp_path, made + font + flat("C"))))[0] == 0.25
    with pytest.raises(SceneError, match=r"don't exist: arial\.ttf \(line 4 of font\.pov\)"):
        povray.with_(written(tmp_path, font.replace("timrom", "arial"), "font.pov"))


def test_a_wrong_option_is_told_with_its_line(tmp_path: Path) -> None:
    ini = tmp_path / "a.ini"
    ini.write_text("Width=640\nHeight=tall\n")
    with pytest.raises(SceneError, match=r"a\.ini, line 2: height can't be 'tall'"):
        options_of(ini)
    with pytest.raises(JobRefused, match="does not exist"):
        frame_scenes(make_job({"scene": str(tmp_path / "b.ini")}))
    np.testing.assert_equal(options_of(tmp_path / "x.pov").frames, ())


def test_files_are_looked_for_in_the_folder_of_the_ini(povray: Bench, tmp_path: Path) -> None:
    """POV-Ray, run there, finds them there, then in the libraries, and its own before those beside the scene."""
    written(tmp_path, '#include "lamp.inc"\n#include "wall.inc"\n#include "more/own.inc"\n', "s/scene.pov")
    body = {"lamp": "#declare L = VALUE;", "wall": "#declare W = VALUE;", "more/own": flat("<L, W, VALUE>")}
    for name, folders in {"lamp": ("", "s", "lib"), "wall": ("s", "lib"), "more/own": ("", "s")}.items():
        for value, folder in enumerate(folders, 1):
            path = tmp_path / folder / f"{name}.inc"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(body[name].replace("VALUE", str(value / 4)))
    ini = tmp_path / "options" / "first.ini"
    ini.parent.mkdir()
    ini.write_text("Input_File_Name=s/scene.pov\nLibrary_Path=lib\n")
    (tmp_path / "go.ini").write_text("options/first.ini\n+W4 +H4 -A\n")
    bench = povray.with_(tmp_path / "go.ini", size=Size(width=4, height=4), samples=1)
    named = {str(Path(file).relative_to(tmp_path)) for file in inspect(povray.process, bench.frame).files}
    assert named == {"go.ini", "options/first.ini", "s/scene.pov", "lamp.inc", "lib/wall.inc", "more/own.inc"}
    command = [str(program.executable()), "go.ini", "+Oown.exr", "+FE", "-D"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    own = read(tmp_path / "own.exr", "POV-Ray")
    np.testing.assert_array_equal(bench.render().sums[..., : own.shape[2]], own)
    assert color(bench) == [0.25, 0.5, 0.25, 1]


def test_a_file_beside_a_scene_that_an_ini_elsewhere_names_is_found_last(povray: Bench, tmp_path: Path) -> None:
    written(tmp_path, '#include concat("grey", ".inc")\n#include "colors.inc"\n' + flat("Half * Red"), "s/scene.pov")
    (tmp_path / "s" / "grey.inc").write_text("#declare Half = 0.5;\n")
    (tmp_path / "s" / "colors.inc").write_text("#declare Red = rgb <0, 0, 1>;\n")
    (tmp_path / "go.ini").write_text("Input_File_Name=s/scene.pov\n")
    assert color(povray.with_(tmp_path / "go.ini")) == [0.5, 0, 0, 1]


@pytest.mark.parametrize(
    ("line", "note"),
    [
        ("Antialias=On", "Every pixel gets all samples, on an even grid"),
        ("+A0.1 +AM2 +R4 +J0.5 +AG2.0", "Every pixel gets all samples, on an even grid"),
        ("Start_Column=0.25", "set region to render a part"),
        ("+ER0.5", "set region to render a part"),
        ("+FN16", "Output_File_Type is not used"),
        ("File_Gamma=1.0", "File_Gamma is not used"),
        ("Radiosity_From_File=on", "radiosity is computed anew"),
        ("Dither=on", "The option Dither is not used."),
        ("+HIdefaults.inc +UF", "The options Include_Header, Field_Render are not used."),
        ("Post_Frame_Command=rm %o", "The option Post_Frame_Command is not used."),
        ("x.txt", "The option X.txt is not used."),
        ("[Night]", "Sections of a.ini, from [Night] on, are not used."),
        # What changes no pixel, and what asks for nothing.
        ("+WT4 +WL5 -D +P +V +GA +BS8 Display_Gamma=1.0\nOutput_File_Name=x # a file\nBits_Per_Color=16", ""),
        ("Dither=off\nRadiosity_From_File=Off\nStart_Column=0\nEnd_Column=1.0\nInclude_Header=", ""),
    ],
)
def test_options_that_are_not_honoured_are_said(tmp_path: Path, line: str, note: str) -> None:
    (tmp_path / "a.ini").write_text(f"+W64 +H48\n{line}\n")
    options = options_of(tmp_path / "a.ini")
    assert (options.width, options.height) == (64, 48)
    assert note in " ".join(options.notes) if note else not options.notes


@pytest.mark.parametrize(
    ("lines", "part"),
    [
        ("Quality=4", {}),
        ("+Q1 +MV3.7 +MB2 -UV -UL", {}),
        ("Antialias=On\nAntialias_Depth=2", {"samples": 4}),
        ("-A", {}),
        ("more.ini", {}),
        ("+KFI3 +KFF7 +SF4 +KI2 +KF4", {"frame": 6}),
        ("+KFI3 Final_Frame=7 Initial_Frame=9 ; a value is the rest of its line", {"frame": 6}),
        ("+UA", {}),
    ],
)
def test_options_that_are_honoured_give_its_own_picture(
    povray: Bench, tmp_path: Path, lines: str, part: dict[str, int]
) -> None:
    body = (
        "background { rgb <0, 0, clock/4> }\nlight_source { <3, 5, -9> rgb 1 }\n"
        "sphere { 0, 0.4 pigment { checker rgb 1 rgb 0.2 scale 0.1 } finish { phong 1 reflection 0.3 } }\n"
    )
    written(tmp_path, body, "a.pov")
    (tmp_path / "more.ini").write_text("Quality=2\n")
    ini = tmp_path / "a.ini"
    ini.write_text(f"Input_File_Name=a.pov\n{lines}\n")
    bench = povray.with_(ini, size=Size(width=16, height=16), **{"samples": 1, **part})
    grid = ["+A0.0", "+AM1", "+R2", "-J"] if bench.frame.samples > 1 else ["-A"]
    frame = [f"+SF{bench.frame.frame}", f"+EF{bench.frame.frame}"] if "KF" in lines else []
    command = [str(program.executable()), ini.name, "+Oown.exr", "+FE", "-D", "+W16", "+H16", *grid, *frame]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    own = read(next(tmp_path.glob("own*.exr")), "POV-Ray")
    channels = own.shape[2]
    np.testing.assert_array_equal(bench.render().sums[..., :channels], own * np.float32(bench.frame.samples))
    assert own[..., :3].std() > 0


@pytest.mark.parametrize(
    "head",
    [
        "#version 3.7;\nglobal_settings { assumed_gamma 1 }\n",
        "#version 3.7;\nglobal_settings { assumed_gamma 2.2 }\n",
        "#version 3.7;\nglobal_settings { assumed_gamma srgb }\n",
        "#version 3.6;\n",
    ],
)
def test_a_png_is_its_own_to_within_a_step(povray: Bench, tmp_path: Path, head: str) -> None:
    (tmp_path / "a.pov").write_text(
        f"{head}camera {{ orthographic location -z right x*4 up y look_at 0 }}\nplane {{ z, 1 pigment {{ gradient x "
        "color_map { [0 rgb 0] [1 rgb <1, 0.5, 0.25>] } scale 4 translate -2*x } finish { ambient 1 diffuse 0 } }\n"
    )
    bench = povray.with_(tmp_path / "a.pov", size=Size(width=64, height=4), samples=1)
    command = [str(program.executable()), "+Ia.pov", "+Oown.png", "+FN", "-D", "+W64", "+H4", "-A"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    own = np.array(Image.open(tmp_path / "own.png").convert("RGB")).astype(int)
    png = BytesIO(encode_png(bench.render().sums, bits=8, view=View.SRGB))
    assert np.abs(np.array(Image.open(png).convert("RGB")).astype(int) - own).max() <= 1


def test_a_scene_with_a_hash_in_its_name_and_negative_frames_is_rendered(povray: Bench, tmp_path: Path) -> None:
    scene = written(tmp_path, flat("<(clock+4)/16, 0, 0>"), "a#1.pov")
    (tmp_path / "a#1.keys.yaml").write_text("parameters: {clock: {-2: -2, 2: 2}}")
    found = frame_scenes(make_job({"scene": str(scene), "frames": "-2-1"}))
    assert [(each.frame, each.path) for each in found] == [(frame, str(scene)) for frame in range(-2, 2)]
    assert color(povray.with_(scene, frame=-2, parameters=found[0].parameters)) == [2 / 16, 0, 0, 1]
    counting = written(tmp_path, flat("frame_number"))
    with pytest.raises(SceneError, match=r"POV-Ray counts frames from 0: there is no frame -2"):
        povray.with_(counting, frame=-2)


def test_more_samples_than_it_can_take_are_refused(povray: Bench) -> None:
    job = make_job({"scene": povray.frame.scene, "samples": 100})
    infos = {1: inspect(povray.process, povray.frame)}
    able = RENDERERS["povray"].capabilities(povray.frame.build)
    with pytest.raises(JobRefused, match="povray takes at most 81 a pixel"):
        lay_out(job, build=povray.frame.build, capabilities=able, scenes=frame_scenes(job), infos=infos)


def test_a_full_disk_is_told(povray: Bench, small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(small_disk))
    bench = povray.with_(size=Size(width=400, height=400), samples=1)
    with pytest.raises(ProgramFailed, match=r"couldn't write its picture\. The disk .* is probably full"):
        RENDERERS["povray"].open(bench.frame, threads=1).render(bench.unit())
