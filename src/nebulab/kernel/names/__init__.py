"""What stands under names in every notebook beside the functions of `nebulab.kernel`; runs in the kernel."""
