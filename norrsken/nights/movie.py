"""A night of an archive as a film: every frame is turned north up and shows its time.

A second of the film shows twenty minutes of a camera that takes one frame a minute.
"""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np

from norrsken.config.config import Config
from norrsken.errors import NorrskenError
from norrsken.files import written_aside
from norrsken.nights.archive import directories_by_month, find_directories
from norrsken.nights.images import UnreadableImage, WrongGeometry, read_frame, upright
from norrsken.nights.ingest import list_frames

#: Frames in a second of the film.
FRAMES_A_SECOND = 20

#: Shorter side of the film in pixels.
SIDE = 480


def film_night(config: Config, night: date, output: Path) -> int:
    """Write the night's readable frames as a WebM film (VP8), which browsers play; return how many there are.

    Raises `NorrskenError` where the archive has no frame of that night.
    """
    month = night.isoformat()[:7]
    leaves = find_directories(
        config.archive.root, config.archive.directories, config.archive.clock, config.archive.folders
    )
    months = directories_by_month(leaves, config.site.longitude)
    directories = [os.path.join(config.archive.root, path) for path in months.get(month, [])]
    settings = config.night_settings(config.cameras)
    nights, _ = list_frames(config.archive.root, directories, month, settings)
    if night not in nights:
        raise NorrskenError(f"{config.archive.root}: no frame of the night {night}")
    film, written, last_second = None, 0, -1
    with written_aside(output) as temporary:
        for file in nights[night]:
            camera = settings.cameras[file.camera]
            if file.time // 1000 == last_second:
                continue
            try:
                frame = read_frame(Path(config.archive.root) / file.path, camera)
            except (UnreadableImage, WrongGeometry):
                continue
            image = upright(frame, camera, config.site.up)
            last_second = file.time // 1000
            height, width = image.shape[:2]
            size = (round(width * SIDE / min(width, height)), round(height * SIDE / min(width, height)))
            picture = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
            time = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=file.time)
            for text, at in ((f"{time:%Y-%m-%d %H:%M} UTC", (8, 20)), ("N", (size[0] // 2 - 6, 20))):
                cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (220, 220, 220), 1, cv2.LINE_AA)
            if film is None:
                film = cv2.VideoWriter(str(temporary), cv2.VideoWriter.fourcc(*"VP80"), FRAMES_A_SECOND, size)
            film.write(np.ascontiguousarray(picture[..., ::-1]))
            written += 1
        if film is None:
            raise NorrskenError(f"{config.archive.root}: no readable frame of the night {night}")
        film.release()
    return written
