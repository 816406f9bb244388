void gemm(double *restrict C, const double *restrict A, const double *restrict B, int n) {
  for (int i = 0; i < 32; i++)
    for (int k = 0; k < 32; k++)
      LOOP
      for (int j = 0; j < n; j++) C[i * n + j] += 1.5 * A[i * 32 + k] * B[k * n + j];
}

void gemm_dot(double *restrict C, const double *restrict A, const double *restrict B, int n) {
  for (int i = 0; i < 32; i++)
    for (int k = 0; k < 32; k++) {
      double s = 0;
      LOOP
      for (int j = 0; j < n; j++) s += A[i * n + j] * B[j * 32 + k];
      C[i * 32 + k] = s;
    }
}

void syrk(double *restrict C, const double *restrict A, int n) {
  for (int i = 0; i < 32; i++)
    for (int k = 0; k <= i; k++) {
      double s = 0;
      LOOP
      for (int j = 0; j < n; j++) s += A[i * n + j] * A[k * n + j];
      C[i * 32 + k] = s;
    }
}

void atax(double *restrict y, const double *restrict A, const double *restrict x, int n) {
  for (int i = 0; i < 32; i++) {
    double s = 0;
    LOOP
    for (int j = 0; j < n; j++) s += A[i * n + j] * x[j];
    y[i] = s;
  }
}

void bicg(double *restrict s, const double *restrict A, const double *restrict r, int n) {
  for (int i = 0; i < 32; i++)
    LOOP
    for (int j = 0; j < n; j++) s[j] += r[i] * A[i * n + j];
}

void mvt(double *restrict x, const double *restrict A, const double *restrict y, int n) {
  for (int i = 0; i < 32; i++) {
    double s = x[i];
    LOOP
    for (int j = 0; j < n; j++) s += A[j * 32 + i] * y[j];
    x[i] = s;
  }
}

void gesummv(double *restrict y, const double *restrict A, const double *restrict B, const double *restrict x, int n) {
  for (int i = 0; i < 32; i++) {
    double s = 0, t = 0;
    LOOP
    for (int j = 0; j < n; j++) { s += A[i * n + j] * x[j]; t += B[i * n + j] * x[j]; }
    y[i] = 1.5 * s + 1.2 * t;
  }
}

void gemver(double *restrict A, const double *restrict u, const double *restrict v, const double *restrict w, int n) {
  for (int i = 0; i < 32; i++)
    LOOP
    for (int j = 0; j < n; j++) A[i * n + j] += u[i] * v[j] + v[i] * w[j];
}

void jacobi_2d(double *restrict B, const double *restrict A, int n) {
  for (int i = 1; i < 32; i++)
    LOOP
    for (int j = 1; j < n - 1; j++)
      B[i * n + j] = 0.2 * (A[i * n + j] + A[i * n + j - 1] + A[i * n + j + 1] + A[(i - 1) * n + j] + A[(i + 1) * n + j]);
}

void fdtd_2d(double *restrict E, const double *restrict H, int n) {
  for (int i = 1; i < 32; i++)
    LOOP
    for (int j = 0; j < n; j++) E[i * n + j] -= 0.5 * (H[i * n + j] - H[(i - 1) * n + j]);
}

void seidel_2d(double *restrict A, int n) {
  for (int i = 1; i < 32; i++)
    LOOP
    for (int j = 1; j < n - 1; j++)
      A[i * n + j] = (A[(i - 1) * n + j] + A[i * n + j - 1] + A[i * n + j] + A[i * n + j + 1]) * 0.25;
}

void correlation(double *restrict A, const double *restrict mean, const double *restrict deviation, int n) {
  for (int i = 0; i < 32; i++)
    LOOP
    for (int j = 0; j < n; j++) A[i * n + j] = (A[i * n + j] - mean[j]) / (31.6 * deviation[j]);
}

void covariance(double *restrict s, const double *restrict A, const double *restrict mean, int n) {
  for (int i = 0; i < 32; i++)
    LOOP
    for (int j = 0; j < n; j++) s[j] += (A[i * n + j] - mean[j]) * (A[i * n + j] - mean[j]);
}

void floyd_warshall(int *restrict next, const int *restrict path, const int *restrict via, int n) {
  for (int i = 0; i < 32; i++)
    LOOP
    for (int j = 0; j < n; j++) {
      int t = path[i * n + i] + via[j];
      next[i * n + j] = path[i * n + j] < t ? path[i * n + j] : t;
    }
}
