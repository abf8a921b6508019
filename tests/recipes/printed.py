"""The results that the article's blocks print, and the recipes that show them.

Exact ones are compared digit by digit; those of chance and clock by their form. Where the article
prints the result of other input or settings than its code has, `RIGHT` has what its code prints.
"""

from __future__ import annotations

_A = "tensor([[0.4000, 1.8000],\n        [0.1000, 1.4000]])"
_B = "tensor([[0.6000, 1.2000],\n        [0.9000, 1.6000]])"
_ROWS = (
    "tensor([[ 0.0760, 34.0000,  5.0000],\n"
    "        [ 0.0980, 67.0000,  5.0000],\n"
    "        [ 0.0920, 54.0000,  5.0000],\n"
    "        [ 0.0750, 60.0000,  6.0000]])"
)

EXACT: dict[str, list[str]] = {
    "01_tensors_create": ["tensor([1, 2, 3])", "tensor([1.2000, 3.6000, 2.4000])"],
    "02_tensors_arithmetic": ["tensor([3, 6, 9])", "tensor([0.3600, 1.4400, 0.8100])"],
    "03_tensors_sum": ["tensor([1.6000, 3.2000, 3.9000])"],
    "04_tensors_statistics": ["tensor(0.9000)", "tensor(0.3000)"],
    "05_tensors_squared_error": ["tensor(1.7367)"],
    "06_tensors_matrices": [_A, _B],
    "07_tensors_matrix_arithmetic": ["tensor([[2., 6.],\n        [2., 6.]])"],
    "08_tensors_matrix_product": ["tensor([[1.8600, 3.3600],\n        [1.3200, 2.3600]])"],
    "09_tensors_matrix_mean": ["tensor(0.9250)"],
    "10_tensors_column_means": ["tensor([0.2500, 1.6000])"],
    "12_data_row": ["tensor([ 0.0750, 60.0000,  6.0000])"],
    "13_data_rows_by_list": [
        "tensor([[ 0.0750, 60.0000,  6.0000],\n"
        "        [ 0.0920, 54.0000,  5.0000],\n"
        "        [ 0.0980, 67.0000,  5.0000],\n"
        "        [ 0.0760, 34.0000,  5.0000]])"
    ],
    "18_data_column_statistics": [
        "tensor([ 0.0853, 53.7500,  5.2500])",
        "tensor([1.1529e-02, 1.4198e+01, 5.0000e-01])",
    ],
    "19_data_normalize": [
        "tensor([[-0.8023, -1.3910, -0.5000],\n"
        "        [ 1.1059,  0.9332, -0.5000],\n"
        "        [ 0.5855,  0.0176, -0.5000],\n"
        "        [-0.8891,  0.4402,  1.5000]])"
    ],
    "20_data_denormalize": [_ROWS],
    "22_data_wine_shape": ["torch.Size([1599, 12])"],
    "24_data_wine_split": [
        "torch.Size([1000, 11])",
        "torch.Size([1000, 1])",
        "torch.Size([599, 11])",
        "torch.Size([599, 1])",
    ],
    "27_numpy_torch": ["torch.Size([3])", "tensor([-1.,  0.,  1.])"],
    "28_numpy_numpy": ["(3,)", "[-1.  0.  1.]"],
    "31_storage_dtypes": ["torch.int64", "torch.float32"],
    "32_storage_mixed_sum": ["tensor([2.2000, 5.6000, 5.4000])", "torch.float32"],
    "34_storage_cast": ["torch.float32"],
    "35_storage_in_place_sum": ["tensor([2.2000, 5.6000, 5.4000])"],
    "36_gpu_device": ["cpu"],
    "42_autodiff_tracked": ["tensor(2.5000, requires_grad=True)"],
    "43_autodiff_backward": ["None"],
    "44_autodiff_square": ["tensor(5.)"],
    "45_autodiff_long_expression": ["tensor(5.0800)"],
    "46_autodiff_two_tensors": ["tensor(5.)", "tensor(-5.)"],
    "47_autodiff_one_vector": ["tensor([ 5., -5.])"],
    "54_nn_prediction": ["torch.Size([1000, 1])", "torch.Size([1000, 1])"],
}

RIGHT: dict[str, list[str]] = {  # the article prints the second for other numbers than its code has
    "01_tensors_create": ["tensor([1, 2, 3])", "tensor([0.6000, 1.2000, 0.9000])"],
}

ON_A_GPU: dict[str, list[str]] = {
    "37_gpu_move": ["cuda:0"],
    "40_gpu_product": ["tensor([ 4, 10, 18], device='cuda:0')"],
}

ON_THE_REAL_DATA: dict[str, list[str]] = {
    "21_data_wine": [
        "tensor([[ 7.4000,  0.7000,  0.0000,  ...,  0.5600,  9.4000,  5.0000],\n"
        "        [ 7.8000,  0.8800,  0.0000,  ...,  0.6800,  9.8000,  5.0000],\n"
        "        [ 7.8000,  0.7600,  0.0400,  ...,  0.6500,  9.8000,  5.0000],\n"
        "        ...,\n"
        "        [ 6.3000,  0.5100,  0.1300,  ...,  0.7500, 11.0000,  6.0000],\n"
        "        [ 5.9000,  0.6450,  0.1200,  ...,  0.7100, 10.2000,  5.0000],\n"
        "        [ 6.0000,  0.3100,  0.4700,  ...,  0.6600, 11.0000,  6.0000]])"
    ],
}

BY_FORM: dict[str, list[str]] = {
    "14_data_random_order": ["tensor([2, 3, 1, 0])"],
    "15_data_shuffle": [_ROWS],
    "16_data_split_rows": [
        "tensor([[ 0.0980, 67.0000,  5.0000],\n        [ 0.0750, 60.0000,  6.0000]])",
        "tensor([[ 0.0920, 54.0000,  5.0000],\n        [ 0.0760, 34.0000,  5.0000]])",
    ],
    "17_data_split_columns": [
        "tensor([[ 0.0920, 54.0000],\n        [ 0.0760, 34.0000]])",
        "tensor([[5.],\n        [5.]])",
    ],
    "30_storage_lists": ["lists: 5.31 s", "tensors: 0.94 s"],
    "41_gpu_matmul": ["CPU: 1.536 s"],
    "48_autodiff_random_start": [
        "tensor([2.4218, 0.2978], requires_grad=True)",
        "tensor(19.5717, grad_fn=<AddBackward0>)",
    ],
    "50_autodiff_accumulated": [
        "f(x)=9.3827\nf(x)=3.1391\n...\nf(x)=5.3016",
        "tensor([0.0040, 2.0071], requires_grad=True)",
    ],
    "51_autodiff_descent": [
        "f(x)=11.4917\nf(x)=4.1370\n...\nf(x)=0.0012",
        "tensor([-0.0079,  3.9811], requires_grad=True)",
    ],
    "55_nn_loss": ["tensor(44.4544, grad_fn=<MeanBackward0>)"],
    "56_nn_training": ["loss: 42.31859\nloss: 40.26645\n...\nloss: 0.39822"],
    "57_nn_validation": ["mean deviation: 0.52 points"],
}

ERRORS: dict[str, str] = {
    "33_storage_in_place_error": (
        "result type Float can't be cast to the desired output type Long"
    ),
    "49_autodiff_leaf_error": (
        "a leaf Variable that requires grad is being used in an in-place operation"
    ),
}
