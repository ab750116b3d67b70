"""Does every conditional sample show its digit? A classifier that has only seen real digits says.

Needs scikit-learn. Usage: python tests/benchmarks/recognize_samples.py RUN, RUN trained with
`npvae train --model cvae`.
"""

import sys

import numpy as np
from sklearn.neural_network import MLPClassifier

import npvae

PER_LABEL = 200


def main(folder: str) -> None:
    """Print the share of samples recognized, in all and by label."""
    (x_train, y_train), (x_test, y_test) = npvae.load_mnist()
    classifier = MLPClassifier((256,), batch_size=200, max_iter=8, random_state=0, early_stopping=True)
    classifier.fit(npvae.to_float(x_train), y_train)
    print(f"real test digits recognized: {classifier.score(npvae.to_float(x_test), y_test):.3f}")
    model = npvae.load_model(f"{folder}/model.npz")
    labels = np.repeat(np.arange(10), PER_LABEL)
    right = classifier.predict(model.sample(len(labels), 0, labels=labels)) == labels
    print(f"samples recognized: {right.mean():.3f} of {len(labels)}")
    print("by label: " + ", ".join(f"{label} {right[labels == label].mean():.2f}" for label in range(10)))


if __name__ == "__main__":
    main(sys.argv[1])
